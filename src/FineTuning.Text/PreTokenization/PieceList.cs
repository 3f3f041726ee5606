namespace FineTuning.Text;

/// <summary>Pieces of a text in their order, with what steps need while they cut: lists for their own results, and a text for characters they put in.</summary>
/// <remarks>For one thread. Cleared, it keeps its buffers.</remarks>
internal sealed class PieceList
{
    private const int LargestKept = 1 << 14;

    private readonly Stack<PieceList> _spare;
    private Piece[] _items = new Piece[32];

    public PieceList()
        : this([], new AlignedText([], 0)) => Written.Clear();

    private PieceList(Stack<PieceList> spare, AlignedText written) => (_spare, Written) = (spare, written);

    public int Count { get; private set; }

    public Piece this[int index] => _items[index];

    public ReadOnlySpan<Piece> Items => _items.AsSpan(0, Count);

    /// <summary>Where steps append what they write; it lives until <see cref="Reset"/>.</summary>
    public AlignedText Written { get; }

    public void Add(Piece piece)
    {
        if (Count == _items.Length) Array.Resize(ref _items, 2 * Count);
        _items[Count++] = piece;
    }

    public void Replace(int index, Piece piece) => _items[index] = piece;

    public void Clear() => Count = 0;

    /// <summary>Starts again with another text; buffers that a long one left are released.</summary>
    /// <param name="most">The most characters that steps may write.</param>
    public void Reset(long most)
    {
        Clear();
        if (_items.Length > LargestKept) _items = new Piece[32];
        Written.Trim();
        Written.Clear();
        Written.Most = most;
    }

    /// <summary>An empty list that shares <see cref="Written"/>.</summary>
    public PieceList Rent() => _spare.TryPop(out PieceList? list) ? list : new PieceList(_spare, Written);

    public void Return(PieceList list)
    {
        list.Clear();
        if (list._items.Length > LargestKept) list._items = new Piece[32];
        _spare.Push(list);
    }
}
