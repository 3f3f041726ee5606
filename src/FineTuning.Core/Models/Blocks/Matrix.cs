using FineTuning.Tensors;
using TorchSharp;
using static TorchSharp.torch;

namespace FineTuning.Models;

/// <summary>The weights of a linear layer, whatever they are stored as.</summary>
internal abstract class Matrix
{
    /// <summary>Numbers that come out.</summary>
    public abstract long Rows { get; }

    /// <summary>Numbers that go in.</summary>
    public abstract long Columns { get; }

    /// <summary>The checkpoint's tensors in it, by rows.</summary>
    public abstract IReadOnlyList<WeightPart> Parts { get; }

    /// <summary>The depth of its weights.</summary>
    public abstract int Depth { get; }

    /// <summary>Rows as numbers, [count, columns], in floating point.</summary>
    public abstract Tensor Values(long start, long count);

    /// <summary>The product with some rows; gradients flow to the input, and to the weights where they train.</summary>
    /// <param name="input">[.., columns], in the compute type.</param>
    /// <param name="bias">Of all rows. Null: none.</param>
    /// <param name="start">The first row.</param>
    /// <param name="count">How many rows.</param>
    /// <param name="context">The pass.</param>
    /// <returns>[.., count], in the compute type</returns>
    public abstract Tensor Multiply(Tensor input, Weight? bias, long start, long count, ForwardContext context);
}

/// <summary>A matrix of floating-point numbers.</summary>
/// <param name="weight">[rows, columns]</param>
internal sealed class DenseMatrix(Weight weight) : Matrix
{
    public Weight Weight { get; } = weight;

    public override long Rows => Weight.Value.shape[0];

    public override long Columns => Weight.Value.shape[1];

    public override IReadOnlyList<WeightPart> Parts => Weight.Parts;

    public override int Depth => Weight.Depth;

    public override Tensor Values(long start, long count) => Weight.Value.narrow(0, start, count);

    public override Tensor Multiply(Tensor input, Weight? bias, long start, long count, ForwardContext context)
    {
        Tensor? added = bias is null ? null : context.Compute(bias);
        Tensor stored = context.Rows is null ? Weight.Value : Weight.Own;
        bool isWidened = stored.dtype == ScalarType.BFloat16 && context.ComputeType == ScalarType.Float32 && !stored.requires_grad;
        if (isWidened && input.requires_grad && is_grad_enabled()) return Tiled(input, stored, added, start, count);
        Tensor matrix = context.Compute(Weight);
        if (count != Rows) (matrix, added) = (matrix.narrow(0, start, count), added?.narrow(0, start, count));
        return (context.IsDecoding ? VectorProduct.TryMultiply(input, matrix, added) : null) ?? nn.functional.linear(input, matrix, added);
    }

    // A cast would wait for the gradient, and those of all layers would be twice what was saved.
    private static Tensor Tiled(Tensor input, Tensor stored, Tensor? bias, long start, long count)
    {
        var asked = new TiledProduct.MatrixRows(count, stored.shape[1], (from, rows, type) => stored.narrow(0, start + from, rows).to(type));
        return TiledProduct.Multiply(input, asked, bias?.narrow(0, start, count));
    }
}
