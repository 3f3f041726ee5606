namespace FineTuning.Batching;

/// <summary>Which rows stand together in a batch, and to how many tokens they are padded.</summary>
/// <param name="Rows">Indices in the row set.</param>
/// <param name="PaddedLength">Tokens a row after padding.</param>
internal readonly record struct PlannedBatch(int[] Rows, int PaddedLength);

/// <summary>How rows are put into batches.</summary>
/// <param name="BatchSize">Rows a batch; with a token budget, the most rows.</param>
/// <param name="TokenBudget">Tokens a batch, padding included. Null: batches of <paramref name="BatchSize"/> rows.</param>
/// <param name="GroupByLength">Whether rows of similar length stand together.</param>
/// <param name="Shuffle">Whether the order changes with seed and epoch.</param>
/// <param name="PadToMultipleOf">Batches are padded to a multiple of this many tokens, which keeps the number of different shapes small.</param>
/// <param name="LengthLimit">Padding never goes beyond it.</param>
internal readonly record struct BatchRules(int BatchSize, int? TokenBudget, bool GroupByLength, bool Shuffle, int PadToMultipleOf, int LengthLimit);

/// <summary>The batches of one epoch: a pure function of the rows' lengths, the rules, the seed and the epoch.</summary>
internal static class BatchPlan
{
    // Rows are sorted by length inside a chunk of this many batches only: padding stays near zero while which rows meet still changes with every epoch.
    private const int BatchesInAChunk = 64;

    /// <summary>All batches of an epoch in order; every row stands in exactly one.</summary>
    public static List<PlannedBatch> Of(IReadOnlyList<int> lengths, BatchRules rules, long seed, long epoch)
    {
        int[] order = rules.Shuffle ? Permutation.Of(lengths.Count, seed, epoch, 0) : [.. Enumerable.Range(0, lengths.Count)];
        if (rules.GroupByLength)
        {
            // With a token budget the number of batches must not depend on the epoch, so the sort goes over everything.
            int chunk = rules.TokenBudget is null ? Math.Max(1, rules.BatchSize * BatchesInAChunk) : Math.Max(1, order.Length);
            for (int start = 0; start < order.Length; start += chunk) SortByLength(order, start, Math.Min(chunk, order.Length - start), lengths);
        }
        List<PlannedBatch> batches = Cut(order, lengths, rules);
        if (!rules.GroupByLength || !rules.Shuffle) return batches;
        return [.. Permutation.Of(batches.Count, seed, epoch, 1).Select(index => batches[index])];
    }

    /// <summary>How many batches an epoch has: the same for every epoch.</summary>
    public static int Count(IReadOnlyList<int> lengths, BatchRules rules) =>
        rules.TokenBudget is null ? (lengths.Count + rules.BatchSize - 1) / rules.BatchSize : Of(lengths, rules, 0, 0).Count;

    private static void SortByLength(int[] order, int start, int count, IReadOnlyList<int> lengths)
    {
        // The shuffled position breaks ties, so rows of one length meet others in every epoch; the sort is the same on every platform.
        var keys = new long[count];
        for (int i = 0; i < count; i++) keys[i] = ((long)lengths[order[start + i]] << 32) | (uint)i;
        int[] part = order[start..(start + count)];
        Array.Sort(keys, part);
        part.CopyTo(order, start);
    }

    private static List<PlannedBatch> Cut(int[] order, IReadOnlyList<int> lengths, BatchRules rules)
    {
        var batches = new List<PlannedBatch>();
        for (int start = 0; start < order.Length;)
        {
            int end = start, longest = 0;
            while (end < order.Length && end - start < rules.BatchSize)
            {
                int padded = Padded(Math.Max(longest, lengths[order[end]]), rules);
                if (rules.TokenBudget is { } budget && end > start && (long)padded * (end + 1 - start) > budget) break;
                longest = Math.Max(longest, lengths[order[end++]]);
            }
            batches.Add(new(order[start..end], Padded(longest, rules)));
            start = end;
        }
        return batches;
    }

    private static int Padded(int length, BatchRules rules)
    {
        int multiple = rules.PadToMultipleOf;
        return Math.Max(length, Math.Min((length + multiple - 1) / multiple * multiple, rules.LengthLimit));
    }
}
