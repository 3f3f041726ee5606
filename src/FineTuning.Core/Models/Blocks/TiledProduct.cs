using FineTuning.Tensors;
using TorchSharp;
using static TorchSharp.torch;

namespace FineTuning.Models;

/// <summary>
/// The product with a frozen matrix that is stored in fewer bits than it is computed in: some rows of it are widened at a time, and again in the backward
/// pass, so that no whole copy is ever in memory, nor waits for the gradient.
/// </summary>
internal static class TiledProduct
{
    // Numbers that are wide at a time: 4 MB of float32.
    private const long TileSize = 1 << 20;

    /// <summary>x W^T + b; a gradient flows to x, and to b where it learns.</summary>
    /// <param name="input">[.., columns]</param>
    /// <param name="rows">The rows of W, as many as it is asked for, in the type of the input.</param>
    /// <param name="bias">[count], in that type. Null: none.</param>
    /// <returns>[.., count]</returns>
    public static Tensor Multiply(Tensor input, MatrixRows rows, Tensor? bias)
    {
        if (bias is { requires_grad: true }) return Multiply(input, rows, null).Plus(bias);
        var job = new Job(rows, bias);
        if (!is_grad_enabled() || !input.requires_grad) return job.Forward(input);
        Tensor product = Function.apply(input, job);
        // The function's own handle on the same tensor: it would keep the memory until the scope ends.
        job.Made?.Dispose();
        return product;
    }

    /// <summary>Rows of a matrix.</summary>
    /// <param name="Count">How many there are.</param>
    /// <param name="Columns">Numbers in each.</param>
    /// <param name="Widen">From a first row, some rows in a type: [rows, columns].</param>
    public sealed record MatrixRows(long Count, long Columns, Func<long, long, ScalarType, Tensor> Widen);

    private sealed class Job(MatrixRows matrix, Tensor? bias)
    {
        public Tensor? Made { get; set; }

        public Tensor Forward(Tensor input)
        {
            using var gradients = no_grad();
            using var scope = NewDisposeScope();
            Tensor rows = input.reshape(-1, matrix.Columns), product = empty([rows.shape[0], matrix.Count], input.dtype, input.device);
            if (bias is not null) product.copy_(bias.expand(product.shape));
            foreach ((long from, long count) in Tiles())
            {
                using var inner = NewDisposeScope();
                product.narrow(1, from, count).addmm_(rows, matrix.Widen(from, count, input.dtype).t(), bias is null ? 0 : 1, 1);
            }
            return product.view([.. input.shape[..^1], matrix.Count]).MoveToOuterDisposeScope();
        }

        public Tensor Backward(Tensor gradient)
        {
            using var gradients = no_grad();
            using var scope = NewDisposeScope();
            Tensor rows = gradient.reshape(-1, matrix.Count), input = empty([rows.shape[0], matrix.Columns], gradient.dtype, gradient.device);
            foreach ((long from, long count) in Tiles())
            {
                using var inner = NewDisposeScope();
                input.addmm_(rows.narrow(1, from, count), matrix.Widen(from, count, gradient.dtype), from == 0 ? 0 : 1, 1);
            }
            return input.view([.. gradient.shape[..^1], matrix.Columns]).MoveToOuterDisposeScope();
        }

        private IEnumerable<(long First, long Count)> Tiles()
        {
            long most = Math.Max(1, TileSize / matrix.Columns);
            for (long at = 0; at < matrix.Count; at += most) yield return (at, Math.Min(most, matrix.Count - at));
        }
    }

    // The matrix is not saved for the backward pass: it is made again there.
    private sealed class Function : autograd.SingleTensorFunction<Function>
    {
        public override string Name => "tiled_product";

        public override Tensor forward(autograd.AutogradContext ctx, params object[] vars)
        {
            var job = (Job)vars[1];
            ctx.save_data("job", job);
            return job.Made = job.Forward((Tensor)vars[0]);
        }

        public override List<Tensor> backward(autograd.AutogradContext ctx, Tensor grad_output)
        {
            try
            {
                return [((Job)ctx.get_data("job")).Backward(grad_output), null!];
            }
            catch (Exception fault)
            {
                BackwardFaults.Keep(fault);
                return [null!, null!];
            }
        }
    }
}
