using FineTuning.Tensors;
using TorchSharp;
using static TorchSharp.torch;

namespace FineTuning.Models;

/// <summary>A frozen matrix in few bits a number. A product makes some rows of it float32 at a time; so does its backward pass.</summary>
/// <param name="parts">The checkpoint's tensors in it, by rows.</param>
/// <param name="pieces">What they are stored as, in the same order.</param>
/// <param name="depth">The depth of its weights.</param>
internal sealed class QuantizedMatrix(IReadOnlyList<WeightPart> parts, IReadOnlyList<QuantizedRows> pieces, int depth) : Matrix, IDisposable
{
    public override long Rows { get; } = pieces.Sum(piece => piece.Rows);

    public override long Columns { get; } = pieces[0].Columns;

    public override int Depth { get; } = depth;

    public override IReadOnlyList<WeightPart> Parts { get; } = parts;

    /// <summary>Bytes that it takes.</summary>
    public long Bytes => Pieces.Sum(piece => piece.Bytes);

    public IReadOnlyList<QuantizedRows> Pieces { get; } = pieces;

    public override Tensor Values(long start, long count)
    {
        using var gradients = no_grad();
        Tensor values = empty([count, Columns], ScalarType.Float32, Pieces[0].Device);
        Fill(start, values);
        return values;
    }

    public override Tensor Multiply(Tensor input, Weight? bias, long start, long count, ForwardContext context)
    {
        var asked = new TiledProduct.MatrixRows(count, Columns, (from, rows, type) => Tile(start + from, rows, type));
        return TiledProduct.Multiply(input, asked, bias is null ? null : context.Compute(bias).narrow(0, start, count));
    }

    public void Dispose()
    {
        foreach (QuantizedRows piece in Pieces) piece.Dispose();
    }

    private void Fill(long start, Tensor target)
    {
        long first = 0, end = start + target.shape[0];
        foreach (QuantizedRows piece in Pieces)
        {
            long from = Math.Max(first, start), to = Math.Min(first + piece.Rows, end);
            if (from < to) piece.Fill(from - first, target.narrow(0, from - start, to - from));
            first += piece.Rows;
        }
    }

    private Tensor Tile(long start, long count, ScalarType type)
    {
        Tensor values = Values(start, count);
        return type == ScalarType.Float32 ? values : values.to(type);
    }
}
