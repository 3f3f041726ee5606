using FineTuning.Adapters;
using FineTuning.Models;
using FineTuning.Tasks;
using static TorchSharp.torch;

namespace FineTuning.Batching;

/// <summary>
/// The one way to predict over many inputs: sort by length, cut at a token budget, compute without gradients, answer in the order of the inputs.
/// </summary>
internal static class PredictionBatches
{
    private const int TokenBudget = 4096;

    /// <summary>Answers all rows.</summary>
    /// <param name="weights">What is read: it is neither trained nor freed meanwhile.</param>
    /// <param name="rows">In any order; they stay as they are. Each has the number of its input as <see cref="EncodedRow.Index"/>.</param>
    /// <param name="forward">Computes the rows of a batch, padded to a number of tokens, in a dispose scope of its own. Gives one result a row.</param>
    /// <param name="cancellation">Stops between two batches.</param>
    /// <returns>One result a row, in their order.</returns>
    /// <exception cref="OperationCanceledException">The token was cancelled.</exception>
    /// <exception cref="InvalidOperationException">A run trains the weights.</exception>
    /// <exception cref="InsufficientMemoryException">The address space is limited, and has no room for a row.</exception>
    public static TResult[] Run<TRow, TResult>(
        WeightSet weights, IReadOnlyList<TRow> rows, Func<TRow[], int, IReadOnlyList<TResult>> forward, CancellationToken cancellation)
        where TRow : EncodedRow => Run(weights, rows, forward, PredictionRoom.OfProcess(weights, forward.Method), cancellation);

    /// <summary>Answers all rows where there may be too little room for a batch; it is then computed in parts.</summary>
    public static TResult[] Run<TRow, TResult>(
        WeightSet weights, IReadOnlyList<TRow> rows, Func<TRow[], int, IReadOnlyList<TResult>> forward, PredictionRoom? room, CancellationToken cancellation)
        where TRow : EncodedRow
    {
        using WeightPass pass = weights.Enter();
        AdapterRequests? requests = AdapterRequests.For(weights);
        var results = new TResult[rows.Count];
        int[] order = [.. Enumerable.Range(0, rows.Count).OrderBy(index => rows[index].Length)];
        for (int start = 0; start < order.Length;)
        {
            cancellation.ThrowIfCancellationRequested();
            int end = start + 1;
            while (end < order.Length && (long)(end + 1 - start) * rows[order[end]].Length <= TokenBudget) end++;
            TRow[] batch = [.. order[start..end].Select(index => rows[index])];
            IReadOnlyList<TResult> answers = room is null ? Compute(batch, batch[^1].Length)
                : room.Compute([.. batch.Select(row => row.Length)], (count, length) => Compute(batch[..count], length));
            for (int i = 0; i < answers.Count; i++) results[order[start + i]] = answers[i];
            start += answers.Count;
        }
        return results;

        IReadOnlyList<TResult> Compute(TRow[] batch, int length)
        {
            using var scope = NewDisposeScope();
            using var gradients = no_grad();
            IReadOnlyList<TResult> answers = requests is null ? forward(batch, length)
                : RowAdapters.Within(requests.Of([.. batch.Select(row => row.Index)]), () => forward(batch, length));
            return answers.Count == batch.Length ? answers : throw new InvalidOperationException($"{batch.Length} rows were given {answers.Count} answers");
        }
    }

    /// <summary>The numbers of each row.</summary>
    /// <param name="outputs">[rows, ...], float32</param>
    /// <param name="rows">How many rows there are.</param>
    /// <exception cref="Errors.NonFiniteException">A number is NaN or infinite.</exception>
    public static float[][] Split(Tensor outputs, int rows)
    {
        float[] values = Outputs.Read(outputs);
        int width = values.Length / rows;
        return [.. Enumerable.Range(0, rows).Select(row => values[(row * width)..((row + 1) * width)])];
    }
}
