namespace FineTuning.Text;

/// <summary>The tokens of a row while they are put into a template. For one thread; begun anew, it keeps its buffers.</summary>
internal sealed class TokenArrays
{
    private const int LargestKept = 1 << 16;

    private int[] _ids = new int[64];
    private int[] _starts = new int[64];
    private int[] _ends = new int[64];
    private int[] _words = new int[64];

    public int Count { get; private set; }

    public Span<int> Ids => _ids.AsSpan(0, Count);

    public Span<int> Starts => _starts.AsSpan(0, Count);

    public Span<int> Ends => _ends.AsSpan(0, Count);

    public Span<int> Words => _words.AsSpan(0, Count);

    public TokenLayout Layout { get; private set; }

    public Dictionary<int, string>? Surface { get; private set; }

    /// <summary>Begins another row.</summary>
    /// <param name="layout">What it is made up of.</param>
    public void Begin(TokenLayout layout)
    {
        (Count, Surface, Layout) = (0, null, layout);
        int size = layout.Count;
        if (_ids.Length >= size) return;
        size = (int)Math.Min(Math.Max(size, 2L * _ids.Length), Math.Max(size, LargestKept));
        (_ids, _starts, _ends, _words) = (new int[size], new int[size], new int[size], new int[size]);
    }

    public void Add(ReadOnlySpan<int> special)
    {
        int first = Count;
        Count += special.Length;
        special.CopyTo(_ids.AsSpan(first));
        Starts[first..].Clear();
        Ends[first..].Clear();
        Words[first..].Fill(-1);
    }

    public void Add(TokenRun run, TextWindow window)
    {
        int first = Count;
        Count += window.Count;
        run.Ids.Slice(window.Start, window.Count).CopyTo(Ids[first..]);
        run.Starts.Slice(window.Start, window.Count).CopyTo(Starts[first..]);
        run.Ends.Slice(window.Start, window.Count).CopyTo(Ends[first..]);
        run.Words.Slice(window.Start, window.Count).CopyTo(Words[first..]);
        if (run.Surface is null) return;
        foreach ((int place, string text) in run.Surface)
        {
            if (place >= window.Start && place < window.Start + window.Count) (Surface ??= [])[first + place - window.Start] = text;
        }
    }

    /// <summary>Lets go of buffers that a long text has left.</summary>
    public void Trim()
    {
        (Count, Surface, Layout) = (0, null, default);
        if (_ids.Length > LargestKept) (_ids, _starts, _ends, _words) = (new int[64], new int[64], new int[64], new int[64]);
    }
}
