using FineTuning.Tensors;
using static TorchSharp.torch;

namespace FineTuning.Models;

/// <summary>Division by the root of the mean square over the last dimension (Zhang and Sennrich 2019, equation 4).</summary>
/// <param name="gain">The factor of each channel, [width].</param>
/// <param name="epsilon">Added to the mean square.</param>
/// <param name="shift">Added to the gain: 1 where the checkpoint stores gains as differences from 1 (Gemma).</param>
internal sealed class RmsNorm(Weight gain, double epsilon, double shift = 0) : INorm
{
    public Tensor Forward(Tensor input)
    {
        Tensor values = input.dtype == gain.Value.dtype ? input : input.to(gain.Value.dtype);
        Tensor factor = shift == 0 ? gain.Value : gain.Value.Plus(shift);
        return values * values.Squared().mean([-1], keepdim: true).Plus(epsilon).rsqrt() * factor;
    }

    public static RmsNorm Make(WeightBuilder builder, string name, int depth, long width, double epsilon, double shift = 0) =>
        new(builder.Make(name + ".weight", WeightKind.Norm, depth, width), epsilon, shift);
}
