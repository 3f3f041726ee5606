namespace FineTuning.Text;

/// <summary>Tokens in columns: ids, where they begin and end, and their words. For one thread; emptied, they keep their buffers.</summary>
internal abstract class TokenColumns
{
    private const int Smallest = 64, LargestKept = 1 << 16;

    private int[] _ids = new int[Smallest];
    private int[] _starts = new int[Smallest];
    private int[] _ends = new int[Smallest];
    private int[] _words = new int[Smallest];

    public int Count { get; private set; }

    public Span<int> Ids => _ids.AsSpan(0, Count);

    public Span<int> Starts => _starts.AsSpan(0, Count);

    public Span<int> Ends => _ends.AsSpan(0, Count);

    public Span<int> Words => _words.AsSpan(0, Count);

    /// <summary>Texts of tokens that differ from the vocabulary's, by position.</summary>
    public Dictionary<int, string>? Surface { get; private set; }

    public void Add(int id, int start, int end, int word)
    {
        int position = Count;
        if (position == _ids.Length) Resize(2 * position);
        (_ids[position], _starts[position], _ends[position], _words[position]) = (id, start, end, word);
        Count = position + 1;
    }

    public void SetSurface(int position, string text) => (Surface ??= [])[position] = text;

    /// <summary>Makes room for so many more, which are written afterwards; the first of their positions.</summary>
    protected int Append(int count)
    {
        int first = Count;
        Reserve(first + count);
        Count = first + count;
        return first;
    }

    /// <summary>Makes room for so many in all.</summary>
    protected void Reserve(int count)
    {
        if (count > _ids.Length) Resize(Math.Max(count, 2 * _ids.Length));
    }

    /// <summary>Empties it.</summary>
    protected void Empty() => (Count, Surface) = (0, null);

    /// <summary>Empties it, and lets go of buffers that a long text has left.</summary>
    protected void Release()
    {
        Empty();
        if (_ids.Length > LargestKept) (_ids, _starts, _ends, _words) = (new int[Smallest], new int[Smallest], new int[Smallest], new int[Smallest]);
    }

    private void Resize(int size)
    {
        Array.Resize(ref _ids, size);
        Array.Resize(ref _starts, size);
        Array.Resize(ref _ends, size);
        Array.Resize(ref _words, size);
    }
}
