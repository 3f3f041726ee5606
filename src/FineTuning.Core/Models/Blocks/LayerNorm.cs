using TorchSharp;
using static TorchSharp.torch;

namespace FineTuning.Models;

/// <summary>Layer normalization over the last dimension (Ba et al. 2016).</summary>
internal sealed class LayerNorm(Weight gain, Weight? offset, double epsilon) : INorm
{
    public Tensor Forward(Tensor input) => nn.functional.layer_norm(
        input.dtype == gain.Value.dtype ? input : input.to(gain.Value.dtype), gain.Value.shape, gain.Value, offset?.Value, epsilon);

    public static LayerNorm Make(WeightBuilder builder, string name, int depth, long width, double epsilon, bool bias = true, bool isHead = false)
    {
        Weight gain = isHead ? builder.MakeHead(name + ".weight", WeightKind.Norm, depth, width) : builder.Make(name + ".weight", WeightKind.Norm, depth, width);
        if (!bias) return new(gain, null, epsilon);
        // An offset starts at 0, as a bias does.
        return new(gain, isHead ? builder.MakeHead(name + ".bias", WeightKind.Bias, depth, width) : builder.Make(name + ".bias", WeightKind.Bias, depth, width), epsilon);
    }
}
