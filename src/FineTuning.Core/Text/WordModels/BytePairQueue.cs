namespace FineTuning.Text;

/// <summary>Pairs that may be merged, the lowest rank first and of equal ones the leftmost: a heap of eight bytes each. For one thread; cleared, it keeps its room.</summary>
internal sealed class BytePairQueue
{
    // Four children: half as deep as with two, and they lie side by side.
    private const int Children = 4;

    private ulong[] _heap = [];

    public int Count { get; private set; }

    /// <summary>Empties it and makes room for so many.</summary>
    public void Begin(int room)
    {
        Count = 0;
        if (_heap.Length < room) _heap = new ulong[room];
    }

    public void Enqueue(int rank, int left)
    {
        if (Count == _heap.Length) Array.Resize(ref _heap, (int)Math.Min(Array.MaxLength, 16 + (Count * 3L / 2)));
        ulong added = ((ulong)(uint)rank << 32) | (uint)left;
        int place = Count++;
        while (place > 0 && _heap[(place - 1) / Children] is var above && above > added)
        {
            _heap[place] = above;
            place = (place - 1) / Children;
        }
        _heap[place] = added;
    }

    public bool TryDequeue(out int rank, out int left)
    {
        (rank, left) = (0, 0);
        if (Count == 0) return false;
        ulong first = _heap[0], last = _heap[--Count];
        (rank, left) = ((int)(first >> 32), (int)(uint)first);
        int place = 0;
        while (true)
        {
            int child = (place * Children) + 1, end = Math.Min(child + Children, Count);
            if (child >= Count) break;
            for (int other = child + 1; other < end; other++) if (_heap[other] < _heap[child]) child = other;
            if (_heap[child] >= last) break;
            _heap[place] = _heap[child];
            place = child;
        }
        _heap[place] = last;
        return true;
    }
}
