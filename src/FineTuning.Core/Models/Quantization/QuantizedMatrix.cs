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
    // Numbers that are float32 at a time: 4 MB.
    private const long TileSize = 1 << 20;

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
        Tensor product = is_grad_enabled() && input.requires_grad ? TiledProduct.apply(input, this, start, count) : Forward(input, start, count);
        return bias is null ? product : Scalars.Plus(product, context.Compute(bias).narrow(0, start, count));
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

    private IEnumerable<(long Start, long Count)> Tiles(long start, long count)
    {
        long most = Math.Max(1, TileSize / Columns);
        for (long at = start; at < start + count; at += most) yield return (at, Math.Min(most, start + count - at));
    }

    private Tensor Forward(Tensor input, long start, long count)
    {
        using var gradients = no_grad();
        using var scope = NewDisposeScope();
        Tensor rows = input.reshape(-1, Columns), product = empty([rows.shape[0], count], input.dtype, input.device);
        foreach ((long from, long tile) in Tiles(start, count))
        {
            using var inner = NewDisposeScope();
            Tensor values = Tile(from, tile, input.dtype);
            product.narrow(1, from - start, tile).addmm_(rows, values.t(), 0, 1);
        }
        return product.view([.. input.shape[..^1], count]).MoveToOuterDisposeScope();
    }

    private Tensor Backward(Tensor gradient, long start, long count)
    {
        using var gradients = no_grad();
        using var scope = NewDisposeScope();
        Tensor rows = gradient.reshape(-1, count), input = empty([rows.shape[0], Columns], gradient.dtype, gradient.device);
        foreach ((long from, long tile) in Tiles(start, count))
        {
            using var inner = NewDisposeScope();
            input.addmm_(rows.narrow(1, from - start, tile), Tile(from, tile, gradient.dtype), from == start ? 0 : 1, 1);
        }
        return input.view([.. gradient.shape[..^1], Columns]).MoveToOuterDisposeScope();
    }

    private Tensor Tile(long start, long count, ScalarType type)
    {
        Tensor values = Values(start, count);
        return type == ScalarType.Float32 ? values : values.to(type);
    }

    // The matrix is not saved for the backward pass: it is made again there.
    private sealed class TiledProduct : autograd.SingleTensorFunction<TiledProduct>
    {
        public override string Name => "quantized_product";

        public override Tensor forward(autograd.AutogradContext ctx, params object[] vars)
        {
            (var input, var matrix, var start, var count) = ((Tensor)vars[0], (QuantizedMatrix)vars[1], (long)vars[2], (long)vars[3]);
            ctx.save_data("matrix", matrix);
            ctx.save_data("start", start);
            ctx.save_data("count", count);
            return matrix.Forward(input, start, count);
        }

        public override List<Tensor> backward(autograd.AutogradContext ctx, Tensor grad_output)
        {
            try
            {
                var matrix = (QuantizedMatrix)ctx.get_data("matrix");
                return [matrix.Backward(grad_output, (long)ctx.get_data("start"), (long)ctx.get_data("count")), null!, null!, null!];
            }
            catch (Exception fault)
            {
                BackwardFaults.Keep(fault);
                return [null!, null!, null!, null!];
            }
        }
    }
}
