namespace FineTuning.Text;

/// <summary>A token of a word: its id, and where it begins and ends there (UTF-16 units).</summary>
internal readonly record struct WordToken(int Id, int Start, int End);

/// <summary>Tokens while they are being found, and what models need on the way. For one thread; cleared, it keeps its buffers.</summary>
internal sealed class TokenList
{
    private const int LargestKept = 1 << 14;

    private WordToken[] _items = new WordToken[64];

    public int Count { get; private set; }

    public ReadOnlySpan<WordToken> Items => _items.AsSpan(0, Count);

    /// <summary>Parts of a word whose pairs are merged.</summary>
    public List<BytePairSymbol> Symbols { get; private set; } = [];

    /// <summary>Room for merging them.</summary>
    public BytePairScratch Scratch { get; } = new();

    public void Add(int id, int start, int end)
    {
        if (Count == _items.Length) Array.Resize(ref _items, 2 * Count);
        _items[Count++] = new(id, start, end);
    }

    public void AddRange(ReadOnlySpan<WordToken> tokens, int offset)
    {
        foreach (WordToken token in tokens) Add(token.Id, offset + token.Start, offset + token.End);
    }

    /// <summary>Moves the tokens from a position on.</summary>
    public void Shift(int first, int offset)
    {
        foreach (ref WordToken token in _items.AsSpan(first, Count - first)) token = new(token.Id, token.Start + offset, token.End + offset);
    }

    /// <summary>Turns the order round from a position on.</summary>
    public void Reverse(int first) => _items.AsSpan(first, Count - first).Reverse();

    /// <summary>Takes the tokens from a position on away.</summary>
    public void Cut(int count) => Count = count;

    /// <summary>Starts again; buffers that a long word left are released.</summary>
    public void Clear()
    {
        Count = 0;
        if (_items.Length > LargestKept) _items = new WordToken[64];
        if (Symbols.Capacity > LargestKept) Symbols = [];
        Symbols.Clear();
        Scratch.Trim();
    }
}
