using System.Runtime.InteropServices;
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

    // An open table: a pair of ids, then what it becomes. No pair is -1.
    private readonly long[] _pairs;
    private readonly (int Rank, int Id)[] _merged;

    /// <param name="vocabulary">Ids by token.</param>
    /// <param name="merges">Pairs in the order of their ranks; of a pair that stands there twice the last counts.</param>
    /// <param name="prefix">What the second of a pair loses when it is joined to the first.</param>
    /// <param name="file">The file they stand in.</param>
    public BytePairMerges(Dictionary<string, int> vocabulary, IReadOnlyList<(string Left, string Right)> merges, string prefix, string file)
    {
        int size = (int)System.Numerics.BitOperations.RoundUpToPowerOf2((uint)Math.Max(16, 2 * merges.Count));
        (_pairs, _merged) = (new long[size], new (int Rank, int Id)[size]);
        Array.Fill(_pairs, -1);
        for (int rank = 0; rank < merges.Count; rank++)
        {
            (string left, string right) = merges[rank];
            string merged = left + (prefix.Length > 0 && right.StartsWith(prefix, StringComparison.Ordinal) ? right[prefix.Length..] : right);
            if (!vocabulary.TryGetValue(left, out int l) || !vocabulary.TryGetValue(right, out int r) || !vocabulary.TryGetValue(merged, out int m))
            {
                throw new CheckpointException(file, $"its merge number {rank} joins '{left}' and '{right}' to '{merged}', "
                    + "of which not all are in the vocabulary");
            }
            int slot = Slot(Pair(l, r));
            (_pairs[slot], _merged[slot]) = (Pair(l, r), (rank, m));
        }
    }

    /// <summary>Merges all that can be merged, in place.</summary>
    /// <param name="symbols">The word's parts.</param>
    /// <param name="scratch">Room for a long word.</param>
    public void Apply(List<BytePairSymbol> symbols, BytePairScratch scratch)
    {
        if (symbols.Count < 2) return;
        if (symbols.Count <= ShortWord) ApplyShort(symbols);
        else ApplyLong(symbols, scratch);
    }

    private (int Rank, int Id) Find(int left, int right)
    {
        int slot = Slot(Pair(left, right));
        return _pairs[slot] < 0 ? (NoRank, -1) : _merged[slot];
    }

    // Where the pair stands, or the free slot where it would.
    private int Slot(long pair)
    {
        int mask = _pairs.Length - 1;
        int slot = (int)((ulong)pair * 0x9E3779B97F4A7C15ul >> 32) & mask;
        while (_pairs[slot] != pair && _pairs[slot] >= 0) slot = (slot + 1) & mask;
        return slot;
    }

    private static long Pair(int left, int right) => ((long)left << 32) | (uint)right;

    private void ApplyShort(List<BytePairSymbol> list)
    {
        Span<(int Rank, int Id)> pairs = stackalloc (int Rank, int Id)[ShortWord];
        Span<BytePairSymbol> symbols = CollectionsMarshal.AsSpan(list);
        int count = symbols.Length;
        for (int i = 0; i + 1 < count; i++) pairs[i] = Find(symbols[i].Id, symbols[i + 1].Id);
        while (true)
        {
            int best = -1, rank = NoRank;
            for (int i = 0; i + 1 < count; i++)
            {
                if (pairs[i].Rank < rank) (best, rank) = (i, pairs[i].Rank);
            }
            if (best < 0) break;
            symbols[best] = new(pairs[best].Id, symbols[best].Length + symbols[best + 1].Length);
            symbols[(best + 2)..count].CopyTo(symbols[(best + 1)..]);
            if (best + 2 < count) pairs[(best + 2)..count].CopyTo(pairs[(best + 1)..]);
            count--;
            if (best > 0) pairs[best - 1] = Find(symbols[best - 1].Id, symbols[best].Id);
            if (best + 1 < count) pairs[best] = Find(symbols[best].Id, symbols[best + 1].Id);
        }
        CollectionsMarshal.SetCount(list, count);
    }

    // A queue of candidate merges over a linked list: n log n, whatever the word.
    private void ApplyLong(List<BytePairSymbol> symbols, BytePairScratch scratch)
    {
        (int[] next, int[] previous) = scratch.Begin(symbols.Count);
        PriorityQueue<int, long> queue = scratch.Queue;
        for (int i = 0; i < symbols.Count - 1; i++) Consider(symbols, i, next, queue);
        while (queue.TryDequeue(out int left, out long priority))
        {
            int right = next[left];
            // What was merged away has no id; where a neighbour has changed since, the pair has another rank or none.
            if (right < 0 || symbols[left].Id < 0 || Find(symbols[left].Id, symbols[right].Id) is not { Id: >= 0 } pair
                || Priority(pair.Rank, left) != priority)
                continue;
            symbols[left] = new(pair.Id, symbols[left].Length + symbols[right].Length);
            symbols[right] = new(-1, 0);
            next[left] = next[right];
            if (next[left] >= 0) previous[next[left]] = left;
            Consider(symbols, previous[left], next, queue);
            Consider(symbols, left, next, queue);
        }
        symbols.RemoveAll(static symbol => symbol.Id < 0);
    }

    private void Consider(List<BytePairSymbol> symbols, int left, int[] next, PriorityQueue<int, long> queue)
    {
        int right = left < 0 ? -1 : next[left];
        if (right < 0) return;
        (int rank, int id) = Find(symbols[left].Id, symbols[right].Id);
        if (id >= 0) queue.Enqueue(left, Priority(rank, left));
    }

    private static long Priority(int rank, int left) => ((long)rank << 32) | (uint)left;
}
