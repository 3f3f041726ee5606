namespace FineTuning.Text;

/// <summary>
/// Byte-pair merging over counted words (Sennrich, Haddow and Birch 2016, algorithm 1): the most frequent pair of neighbours becomes one symbol, again and
/// again. Deterministic: among equally frequent pairs the one with the smaller symbols wins.
/// </summary>
internal sealed class PairMerger
{
    private readonly List<int[]> _words;
    private readonly long[] _counts;
    private readonly int[] _lengths;
    private readonly Dictionary<(int, int), long> _frequencies = [];
    private readonly Dictionary<(int, int), HashSet<int>> _positions = [];
    private readonly PriorityQueue<((int Left, int Right) Pair, long Count), (long, int, int)> _queue = new();

    /// <param name="words">Symbols of each word; changed in place.</param>
    /// <param name="counts">How often each word occurs.</param>
    public PairMerger(List<int[]> words, long[] counts)
    {
        (_words, _counts) = (words, counts);
        _lengths = [.. words.Select(word => word.Length)];
        for (int word = 0; word < words.Count; word++)
        {
            for (int i = 0; i + 1 < words[word].Length; i++) Count((words[word][i], words[word][i + 1]), word, counts[word]);
        }
        foreach ((var pair, long count) in _frequencies) Enqueue(pair, count);
    }

    /// <summary>The most frequent pair; null where none occurs as often as asked.</summary>
    public (int Left, int Right)? Best(long minimum)
    {
        while (_queue.TryDequeue(out var candidate, out _))
        {
            long current = _frequencies.GetValueOrDefault(candidate.Pair);
            // Counts fall when neighbours merge; a stale entry goes back with what is true now.
            if (current != candidate.Count)
            {
                if (current > 0) Enqueue(candidate.Pair, current);
                continue;
            }
            return current >= minimum ? candidate.Pair : null;
        }
        return null;
    }

    /// <summary>Replaces every occurrence of a pair by a symbol.</summary>
    public void Merge((int Left, int Right) pair, int symbol)
    {
        var changed = new HashSet<(int, int)>();
        foreach (int position in _positions[pair].Order()) MergeIn(position, pair, symbol, changed);
        _positions.Remove(pair);
        _frequencies.Remove(pair);
        foreach ((int, int) risen in changed)
        {
            if (_frequencies.TryGetValue(risen, out long count) && count > 0) Enqueue(risen, count);
        }
    }

    private void MergeIn(int position, (int Left, int Right) pair, int symbol, HashSet<(int, int)> changed)
    {
        int[] word = _words[position];
        int length = _lengths[position], write = 0;
        long count = _counts[position];
        for (int read = 0; read < length; read++)
        {
            if (read + 1 < length && word[read] == pair.Left && word[read + 1] == pair.Right)
            {
                if (write > 0)
                {
                    Count((word[write - 1], pair.Left), position, -count);
                    Count((word[write - 1], symbol), position, count);
                    changed.Add((word[write - 1], symbol));
                }
                if (read + 2 < length)
                {
                    Count((pair.Right, word[read + 2]), position, -count);
                    Count((symbol, word[read + 2]), position, count);
                    changed.Add((symbol, word[read + 2]));
                }
                word[write++] = symbol;
                read++;
            }
            else
            {
                word[write++] = word[read];
            }
        }
        _lengths[position] = write;
    }

    private void Count((int, int) pair, int word, long count)
    {
        _frequencies[pair] = _frequencies.GetValueOrDefault(pair) + count;
        if (count <= 0) return;
        if (!_positions.TryGetValue(pair, out HashSet<int>? positions)) _positions[pair] = positions = [];
        positions.Add(word);
    }

    private void Enqueue((int Left, int Right) pair, long count) => _queue.Enqueue((pair, count), (-count, pair.Left, pair.Right));
}
