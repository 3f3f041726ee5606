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

    // Up to this length, or the number of rows, lengths are counted.
    private const int LongestCounted = 4096;

    /// <summary>All batches of an epoch in order; every row stands in exactly one. A row takes four bytes, a batch eight.</summary>
    public static IReadOnlyList<PlannedBatch> Of(IReadOnlyList<int> lengths, BatchRules rules, long seed, long epoch)
    {
        int[] order = Order(lengths, rules, seed, epoch);
        int[] ends = Cut(order, lengths, rules);
        int[]? batches = rules.GroupByLength && rules.Shuffle ? Permutation.Of(ends.Length, seed, epoch, 1) : null;
        return new PlannedBatches(order, ends, batches, (start, end) => Longest(order, lengths, rules, start, end));
    }

    /// <summary>How many batches an epoch has: the same for every epoch.</summary>
    public static int Count(IReadOnlyList<int> lengths, BatchRules rules) => rules.TokenBudget is null
        ? (int)(((long)lengths.Count + rules.BatchSize - 1) / rules.BatchSize) : Cut(Order(lengths, rules, 0, 0), lengths, rules).Length;

    private static int[] Order(IReadOnlyList<int> lengths, BatchRules rules, long seed, long epoch)
    {
        int[] order = rules.Shuffle ? Permutation.Of(lengths.Count, seed, epoch, 0) : [.. Enumerable.Range(0, lengths.Count)];
        if (!rules.GroupByLength) return order;
        // With a token budget the number of batches must not depend on the epoch, so the sort goes over everything.
        int chunk = rules.TokenBudget is null ? Math.Max(1, (int)Math.Min(order.Length, (long)rules.BatchSize * BatchesInAChunk)) : Math.Max(1, order.Length);
        for (int start = 0; start < order.Length; start += chunk) SortByLength(order.AsSpan(start, Math.Min(chunk, order.Length - start)), lengths);
        return order;
    }

    // The shuffled position breaks ties, so rows of one length meet others in every epoch; the sort is the same on every platform.
    private static void SortByLength(Span<int> order, IReadOnlyList<int> lengths)
    {
        int longest = 0;
        foreach (int row in order) longest = Math.Max(longest, lengths[row]);
        if (longest > Math.Max(LongestCounted, order.Length))
        {
            var keys = new long[order.Length];
            for (int i = 0; i < keys.Length; i++) keys[i] = ((long)lengths[order[i]] << 32) | (uint)i;
            MemoryExtensions.Sort(keys.AsSpan(), order);
            return;
        }
        // By counting: in one more order's memory, and in no more time for many rows than for few.
        var next = new int[longest + 2];
        foreach (int row in order) next[lengths[row] + 1]++;
        for (int length = 1; length < next.Length; length++) next[length] += next[length - 1];
        int[] shuffled = order.ToArray();
        foreach (int row in shuffled) order[next[lengths[row]]++] = row;
    }

    // Where each batch ends in the order.
    private static int[] Cut(int[] order, IReadOnlyList<int> lengths, BatchRules rules)
    {
        if (rules.TokenBudget is not { } budget)
        {
            var even = new int[(int)(((long)order.Length + rules.BatchSize - 1) / rules.BatchSize)];
            for (int i = 0; i < even.Length; i++) even[i] = (int)Math.Min(order.Length, (i + 1L) * rules.BatchSize);
            return even;
        }
        var ends = new List<int>();
        for (int start = 0; start < order.Length;)
        {
            int end = start, longest = 0;
            while (end < order.Length && end - start < rules.BatchSize)
            {
                int padded = Padded(Math.Max(longest, lengths[order[end]]), rules);
                if (end > start && (long)padded * (end + 1 - start) > budget) break;
                longest = Math.Max(longest, lengths[order[end++]]);
            }
            ends.Add(end);
            start = end;
        }
        return [.. ends];
    }

    private static int Longest(int[] order, IReadOnlyList<int> lengths, BatchRules rules, int start, int end)
    {
        int longest = 0;
        for (int i = start; i < end; i++) longest = Math.Max(longest, lengths[order[i]]);
        return Padded(longest, rules);
    }

    private static int Padded(int length, BatchRules rules)
    {
        int multiple = rules.PadToMultipleOf;
        return Math.Max(length, Math.Min((length + multiple - 1) / multiple * multiple, rules.LengthLimit));
    }
}
