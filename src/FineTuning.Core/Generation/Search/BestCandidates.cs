namespace FineTuning.Generation;

/// <summary>A way on: a token after a row.</summary>
/// <param name="Index">row * vocabulary + token.</param>
/// <param name="Sum">The log-probability of the text.</param>
/// <param name="Key">What candidates are ranked by: the sum, or the sum and noise where beams are drawn.</param>
/// <param name="Score">The log-probability of the token after all rules.</param>
internal readonly record struct Candidate(int Index, double Sum, double Key, float Score) : IComparable<Candidate>
{
    /// <summary>The better one is the smaller; of equals the one with the lower index.</summary>
    public int CompareTo(Candidate other) => Key != other.Key ? other.Key.CompareTo(Key) : Index.CompareTo(other.Index);
}

/// <summary>The best of many candidates, in bounded memory: a heap with the worst of them in front.</summary>
internal sealed class BestCandidates(int capacity)
{
    private readonly Candidate[] _heap = new Candidate[capacity];
    private int _count;

    public void Clear() => _count = 0;

    /// <summary>What a key must be above to matter.</summary>
    public double Limit => _count < _heap.Length ? double.NegativeInfinity : _heap[0].Key;

    public void Add(in Candidate candidate)
    {
        if (_count < _heap.Length)
        {
            int at = _count++;
            for (; at > 0 && candidate.CompareTo(_heap[(at - 1) / 2]) > 0; at = (at - 1) / 2) _heap[at] = _heap[(at - 1) / 2];
            _heap[at] = candidate;
        }
        else if (candidate.CompareTo(_heap[0]) < 0)
        {
            Sink(candidate);
        }
    }

    /// <summary>All of them, the best first. Valid until the next candidate.</summary>
    public ReadOnlySpan<Candidate> Sorted()
    {
        Span<Candidate> all = _heap.AsSpan(0, _count);
        all.Sort();
        return all;
    }

    private void Sink(in Candidate candidate)
    {
        int at = 0;
        for (int child = 1; child < _count; child = (2 * at) + 1)
        {
            if (child + 1 < _count && _heap[child + 1].CompareTo(_heap[child]) > 0) child++;
            if (_heap[child].CompareTo(candidate) <= 0) break;
            _heap[at] = _heap[child];
            at = child;
        }
        _heap[at] = candidate;
    }
}
