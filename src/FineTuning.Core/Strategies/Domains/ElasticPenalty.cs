using FineTuning.Batching;
using FineTuning.Models;
using FineTuning.Tasks;
using FineTuning.Tensors;
using static FineTuning.Tensors.Scalars;
using static TorchSharp.torch;

namespace FineTuning.Strategies;

/// <summary>
/// Elastic weight consolidation, lambda / 2 sum F (w - w0)^2 (Kirkpatrick et al. 2017, equation 3), with the diagonal F of the Fisher information.
/// </summary>
internal static class ElasticPenalty
{
    /// <summary>Adds lambda F (w - w0) to a gradient.</summary>
    /// <param name="gradient">Changed in place.</param>
    /// <param name="value">The weight w.</param>
    /// <param name="start">w0.</param>
    /// <param name="fisher">F.</param>
    /// <param name="factor">Lambda, times what the gradient is divided by later.</param>
    public static void AddGradient(Tensor gradient, Tensor value, Tensor start, Tensor fisher, double factor) =>
        gradient.add_(value.detach().add(start, Held(-1)) * fisher, Held(factor));

    /// <summary>The mean over examples of the squared gradient of an example's loss: squared by example, then averaged.</summary>
    /// <param name="weights">By which it is differentiated; they have no gradients yet, and have none afterwards.</param>
    /// <param name="losses">Each makes the loss of one example, a scalar.</param>
    /// <returns>One tensor a weight, zeros where no loss depends on it; outside of any scope, the caller's.</returns>
    public static Tensor[] Fisher(IReadOnlyList<Tensor> weights, IEnumerable<Func<Tensor>> losses)
    {
        Tensor[] sums = [.. weights.Select(weight => zeros_like(weight, requires_grad: false).DetachFromDisposeScope())];
        int examples = 0;
        foreach (Func<Tensor> loss in losses)
        {
            using var scope = NewDisposeScope();
            loss().backward();
            BackwardFaults.ThrowKept();
            examples++;
            using var none = no_grad();
            for (int i = 0; i < sums.Length; i++)
            {
                if (weights[i].grad is not { } gradient) continue;
                sums[i].PlusInPlace(gradient.Squared());
                weights[i].grad = null;
            }
        }
        using (no_grad())
        {
            foreach (Tensor sum in sums) sum.div_(Held((double)Math.Max(1, examples)));
        }
        return sums;
    }

    /// <summary>The sum of the Fisher information of several tasks, each over some of its rows and without dropout.</summary>
    /// <param name="weights">By which it is differentiated.</param>
    /// <param name="tasks">Models with the rows that they have learned from.</param>
    /// <param name="examples">How many rows of each, drawn by the seed.</param>
    /// <param name="seed">The run's.</param>
    /// <param name="cancellation">Looked at before every row.</param>
    public static Tensor[] Fisher(IReadOnlyList<Weight> weights, IReadOnlyList<(TunableModel Model, IReadOnlyList<EncodedRow> Rows)> tasks, int examples,
        long seed, CancellationToken cancellation)
    {
        bool[] trained = [.. weights.Select(weight => weight.IsTrainable)];
        foreach (Weight weight in weights) weight.IsTrainable = true;
        try
        {
            Tensor[]? sum = null;
            foreach ((TunableModel model, IReadOnlyList<EncodedRow> rows) in tasks)
            {
                EncodedRow[] chosen = [.. Permutation.Of(rows.Count, seed, 0, 4).Select(index => rows[index]).Where(row => row.TargetCount > 0).Take(examples)];
                IEnumerable<Func<Tensor>> losses = chosen.Select<EncodedRow, Func<Tensor>>(row => () => Loss(model, row, cancellation));
                Tensor[] own = Fisher([.. weights.Select(weight => weight.Value)], losses);
                if (sum is null)
                {
                    sum = own;
                    continue;
                }
                using var none = no_grad();
                for (int i = 0; i < own.Length; i++)
                {
                    sum[i].PlusInPlace(own[i]);
                    own[i].Dispose();
                }
            }
            return sum ?? [];
        }
        finally
        {
            for (int i = 0; i < trained.Length; i++) weights[i].IsTrainable = trained[i];
        }
    }

    private static Tensor Loss(TunableModel model, EncodedRow row, CancellationToken cancellation)
    {
        cancellation.ThrowIfCancellationRequested();
        Batch batch = model.Collate([row], row.Length);
        return model.SumLoss(batch, ForwardContext.Evaluation());
    }
}
