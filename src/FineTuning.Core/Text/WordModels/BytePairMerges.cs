using FineTuning.Errors;

namespace FineTuning.Text;

/// <summary>A part of a word while its pairs are merged.</summary>
/// <param name="Id">Its token.</param>
/// <param name="Length">How many bytes of the word it stands for.</param>
internal readonly record struct BytePairSymbol(int Id, int Length);

/// <summary>The merges of byte-pair encoding by rank: the lowest first, of equal ones the leftmost. Immutable and thread-safe.</summary>
internal sealed class BytePairMerges
{
    private const int ShortWord = 24, NoRank = int.MaxValue;

    private readonly Dictionary<long, (int Rank, int Id)> _merges = [];

    /// <param name="vocabulary">Ids by token.</param>
    /// <param name="merges">Pairs in the order of their ranks; of a pair that stands there twice the last counts.</param>
    /// <param name="prefix">What the second of a pair loses when it is joined to the first.</param>
    /// <param name="file">The file they stand in.</param>
    public BytePairMerges(Dictionary<string, int> vocabulary, IReadOnlyList<(string Left, string Right)> merges, string prefix, string file)
    {
        for (int rank = 0; rank < merges.Count; rank++)
        {
            (string left, string right) = merges[rank];
            string merged = left + (prefix.Length > 0 && right.StartsWith(prefix, StringComparison.Ordinal) ? right[prefix.Length..] : right);
            if (!vocabulary.TryGetValue(left, out int l) || !vocabulary.TryGetValue(right, out int r) || !vocabulary.TryGetValue(merged, out int m))
            {
                throw new CheckpointException(file, $"its merge number {rank} joins '{left}' and '{right}' to '{merged}', of which not all are in the vocabulary");
            }
            _merges[Pair(l, r)] = (rank, m);
        }
    }

    /// <summary>Merges all that can be merged, in place.</summary>
    public void Apply(List<BytePairSymbol> symbols)
    {
        if (symbols.Count < 2) return;
        if (symbols.Count <= ShortWord) ApplyShort(symbols);
        else ApplyLong(symbols);
    }

    private (int Rank, int Id) Find(int left, int right) => _merges.TryGetValue(Pair(left, right), out (int Rank, int Id) merge) ? merge : (NoRank, -1);

    private static long Pair(int left, int right) => ((long)left << 32) | (uint)right;

    private void ApplyShort(List<BytePairSymbol> symbols)
    {
        Span<(int Rank, int Id)> pairs = stackalloc (int Rank, int Id)[ShortWord];
        int count = symbols.Count;
        for (int i = 0; i + 1 < count; i++) pairs[i] = Find(symbols[i].Id, symbols[i + 1].Id);
        while (true)
        {
            int best = -1, rank = NoRank;
            for (int i = 0; i + 1 < count; i++)
            {
                if (pairs[i].Rank < rank) (best, rank) = (i, pairs[i].Rank);
            }
            if (best < 0) return;
            symbols[best] = new(pairs[best].Id, symbols[best].Length + symbols[best + 1].Length);
            symbols.RemoveAt(best + 1);
            pairs[(best + 2)..count].CopyTo(pairs[(best + 1)..]);
            count--;
            if (best > 0) pairs[best - 1] = Find(symbols[best - 1].Id, symbols[best].Id);
            if (best + 1 < count) pairs[best] = Find(symbols[best].Id, symbols[best + 1].Id);
        }
    }

    // A queue of candidate merges over a linked list: n log n, whatever the word.
    private void ApplyLong(List<BytePairSymbol> symbols)
    {
        var next = new int[symbols.Count];
        var previous = new int[symbols.Count];
        for (int i = 0; i < next.Length; i++) (next[i], previous[i]) = (i + 1 < next.Length ? i + 1 : -1, i - 1);
        var queue = new PriorityQueue<(int Left, int LeftId, int RightId, int Merged), long>();
        void Consider(int left)
        {
            int right = left < 0 ? -1 : next[left];
            if (right < 0) return;
            (int rank, int id) = Find(symbols[left].Id, symbols[right].Id);
            if (id >= 0) queue.Enqueue((left, symbols[left].Id, symbols[right].Id, id), ((long)rank << 32) | (uint)left);
        }
        for (int i = 0; i < symbols.Count - 1; i++) Consider(i);
        while (queue.TryDequeue(out (int Left, int LeftId, int RightId, int Merged) candidate, out _))
        {
            int left = candidate.Left;
            int right = next[left];
            // What was merged away has no id; a neighbour that has changed since makes the candidate void.
            if (right < 0 || symbols[left].Id != candidate.LeftId || symbols[right].Id != candidate.RightId) continue;
            symbols[left] = new(candidate.Merged, symbols[left].Length + symbols[right].Length);
            symbols[right] = new(-1, 0);
            next[left] = next[right];
            if (next[left] >= 0) previous[next[left]] = left;
            Consider(previous[left]);
            Consider(left);
        }
        symbols.RemoveAll(symbol => symbol.Id < 0);
    }
}
