namespace FineTuning.Text;

/// <summary>Tokens of a text while they are being found. For one thread; cleared, it keeps its buffers.</summary>
internal sealed class TokenRun
{
    private const int LargestKept = 1 << 16;

    private int[] _ids = new int[64];
    private int[] _starts = new int[64];
    private int[] _ends = new int[64];
    private int[] _words = new int[64];

    public int Count { get; private set; }

    public ReadOnlySpan<int> Ids => _ids.AsSpan(0, Count);

    public ReadOnlySpan<int> Starts => _starts.AsSpan(0, Count);

    public ReadOnlySpan<int> Ends => _ends.AsSpan(0, Count);

    public ReadOnlySpan<int> Words => _words.AsSpan(0, Count);

    /// <summary>The text that tokens are found in; null: <see cref="SourceWords"/>.</summary>
    public string? Source { get; set; }

    /// <summary>The words that tokens are found in.</summary>
    public IReadOnlyList<string>? SourceWords { get; set; }

    /// <summary>What the offsets of a word's tokens count in.</summary>
    public string SourceOf(int word) => Source ?? SourceWords![word];

    /// <summary>Texts of tokens that differ from the vocabulary's, by place.</summary>
    public Dictionary<int, string>? Surface { get; private set; }

    public void Add(int id, int start, int end, int word)
    {
        int place = Count;
        if (place == _ids.Length) Grow();
        (_ids[place], _starts[place], _ends[place], _words[place]) = (id, start, end, word);
        Count = place + 1;
    }

    public void SetSurface(int place, string text) => (Surface ??= [])[place] = text;

    /// <summary>Begins anew; buffers that a long text has left are let go of.</summary>
    public void Clear()
    {
        (Count, Surface, Source, SourceWords) = (0, null, null, null);
        if (_ids.Length > LargestKept) (_ids, _starts, _ends, _words) = (new int[64], new int[64], new int[64], new int[64]);
    }

    private void Grow()
    {
        int size = 2 * Count;
        Array.Resize(ref _ids, size);
        Array.Resize(ref _starts, size);
        Array.Resize(ref _ends, size);
        Array.Resize(ref _words, size);
    }
}
