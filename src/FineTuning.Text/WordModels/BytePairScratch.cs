namespace FineTuning.Text;

/// <summary>The linked list and the queue that merging a long word needs, kept for the next one. For one thread.</summary>
internal sealed class BytePairScratch
{
    private const int LargestKept = 1 << 14;

    private int[] _next = [];
    private int[] _previous = [];

    /// <summary>Where pairs that may be merged begin, the lowest rank first and of equal ones the leftmost.</summary>
    public PriorityQueue<int, long> Queue { get; private set; } = new();

    /// <summary>Neighbours of so many parts, each linked to the next; the queue is empty.</summary>
    public (int[] Next, int[] Previous) Begin(int count)
    {
        if (_next.Length < count) (_next, _previous) = (new int[count], new int[count]);
        for (int i = 0; i < count; i++) (_next[i], _previous[i]) = (i + 1 < count ? i + 1 : -1, i - 1);
        Queue.Clear();
        Queue.EnsureCapacity(count);
        return (_next, _previous);
    }

    /// <summary>Lets go of what a long word has left.</summary>
    public void Trim()
    {
        if (_next.Length <= LargestKept) return;
        (_next, _previous, Queue) = ([], [], new());
    }
}
