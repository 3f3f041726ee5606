using FineTuning.Tensors;
using TorchSharp;
using static TorchSharp.torch;

namespace FineTuning.Models;

/// <summary>A normalization over the last dimension.</summary>
internal interface INorm
{
    /// <param name="input">[.., width]; computed in the type of the gain, at least in float32.</param>
    /// <param name="fuses">Whether it may round in another order than with gradients; see <see cref="ForwardContext.IsDecoding"/>.</param>
    /// <returns>[.., width], in that type</returns>
    Tensor Forward(Tensor input, bool fuses = false);
}

/// <summary>Makes norms as plans say.</summary>
internal static class Norms
{
    /// <param name="builder">Gives the weights.</param>
    /// <param name="plan">Null: there is no norm.</param>
    /// <param name="name">The norm's name.</param>
    /// <param name="depth">The weights' depth.</param>
    /// <param name="width">The last dimension.</param>
    public static INorm? Make(WeightBuilder builder, NormPlan? plan, string name, int depth, long width)
    {
        if (plan is null) return null;
        Weight gain = builder.Gain(name + ".weight", depth, width, 1 - plan.Shift);
        if (plan.IsRootMeanSquare) return new RmsNorm(gain, plan.Epsilon, plan.Shift);
        // An offset starts at 0, as a bias does.
        return new LayerNorm(gain, plan.Bias ? builder.Make(name + ".bias", WeightKind.Bias, depth, width) : null, plan.Epsilon);
    }

    /// <summary>A gain or offset in the type that norms compute in: half types are widened.</summary>
    public static Tensor Widened(Weight weight) =>
        weight.Value.dtype is ScalarType.BFloat16 or ScalarType.Float16 ? weight.Value.to(ScalarType.Float32) : weight.Value;
}

/// <summary>Layer normalization over the last dimension (Ba et al. 2016).</summary>
internal sealed class LayerNorm(Weight gain, Weight? offset, double epsilon) : INorm
{
    public Tensor Forward(Tensor input, bool fuses)
    {
        Tensor factor = Norms.Widened(gain);
        Tensor values = input.dtype == factor.dtype ? input : input.to(factor.dtype);
        return nn.functional.layer_norm(values, factor.shape, factor, offset is null ? null : Norms.Widened(offset), epsilon);
    }
}

/// <summary>Division by the root of the mean square over the last dimension (Zhang and Sennrich 2019, equation 4).</summary>
/// <param name="gain">The factor of each channel, [width].</param>
/// <param name="epsilon">Added to the mean square.</param>
/// <param name="shift">Added to the gain: 1 where the checkpoint stores gains as differences from 1 (Gemma).</param>
internal sealed class RmsNorm(Weight gain, double epsilon, double shift = 0) : INorm
{
    public Tensor Forward(Tensor input, bool fuses)
    {
        Tensor factor = Norms.Widened(gain);
        Tensor values = input.dtype == factor.dtype ? input : input.to(factor.dtype);
        if (fuses && FusedRows.TryNormalize(values, factor, epsilon, shift) is { } normalized) return normalized;
        if (shift != 0) factor = factor.Plus(shift);
        return values * values.Squared().mean([-1], keepdim: true).Plus(epsilon).rsqrt() * factor;
    }
}
