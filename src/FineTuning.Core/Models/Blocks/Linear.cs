using TorchSharp;
using static TorchSharp.torch;

namespace FineTuning.Models;

/// <summary>x W^T + b.</summary>
internal sealed class Linear(Weight weight, Weight? bias)
{
    public Weight Weight { get; } = weight;

    /// <param name="input">[.., in]</param>
    /// <param name="context">Its compute type decides the type of the product.</param>
    /// <returns>[.., out]</returns>
    public Tensor Forward(Tensor input, ForwardContext context)
    {
        Tensor computed = input.dtype == context.ComputeType ? input : input.to(context.ComputeType);
        return nn.functional.linear(computed, context.Compute(Weight), bias is null ? null : context.Compute(bias));
    }

    /// <summary>The product with rows <paramref name="start"/> to <paramref name="start"/> + <paramref name="count"/> of the weight alone.</summary>
    /// <returns>[.., count]</returns>
    public Tensor ForwardRows(Tensor input, long start, long count, ForwardContext context)
    {
        Tensor computed = input.dtype == context.ComputeType ? input : input.to(context.ComputeType);
        return nn.functional.linear(computed, context.Compute(Weight).narrow(0, start, count), bias is null ? null : context.Compute(bias).narrow(0, start, count));
    }

    public static Linear Make(WeightBuilder builder, string name, int depth, long inputs, long outputs, bool bias = true, bool isHead = false)
    {
        Weight weight = isHead ? builder.MakeHead(name + ".weight", WeightKind.Matrix, depth, outputs, inputs) : builder.Make(name + ".weight", WeightKind.Matrix, depth, outputs, inputs);
        if (!bias) return new(weight, null);
        return new(weight, isHead ? builder.MakeHead(name + ".bias", WeightKind.Bias, depth, outputs) : builder.Make(name + ".bias", WeightKind.Bias, depth, outputs));
    }

    /// <summary>Several layers of the checkpoint that share their input, as one product.</summary>
    public static Linear MakeStacked(WeightBuilder builder, string name, IReadOnlyList<string> parts, int depth, long inputs, long outputsEach, bool bias = true) => new(
        builder.MakeStacked(name + ".weight", [.. parts.Select(part => part + ".weight")], WeightKind.Matrix, depth, outputsEach, inputs),
        bias ? builder.MakeStacked(name + ".bias", [.. parts.Select(part => part + ".bias")], WeightKind.Bias, depth, outputsEach) : null);
}
