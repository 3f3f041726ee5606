using System.Text;

namespace FineTuning.Text;

/// <summary>What a byte-pair model is besides vocabulary and merges.</summary>
internal sealed record BytePairSettings
{
    /// <summary>Whether words arrive as text and are spelled in <see cref="ByteAlphabet"/> first.</summary>
    public bool ByteLevel { get; init; }

    /// <summary>Whether a word that is in the vocabulary is taken whole, whatever the merges say.</summary>
    public bool IgnoreMerges { get; init; }

    /// <summary>Whether a character that is not in the vocabulary becomes its bytes' tokens &lt;0xNN&gt;.</summary>
    public bool ByteFallback { get; init; }

    /// <summary>Whether neighbouring unknown characters become one token.</summary>
    public bool FuseUnknown { get; init; }

    public string? Unknown { get; init; }

    public string Prefix { get; init; } = "";

    public string Suffix { get; init; } = "";
}

/// <summary>Byte-pair encoding (Sennrich et al. 2016): the merge of lowest rank first, the leftmost on a tie.</summary>
internal sealed class BytePairModel : WordModel
{
    private readonly Dictionary<string, int> _vocabulary;
    private readonly Dictionary<string, int>.AlternateLookup<ReadOnlySpan<char>> _lookup;
    private readonly Dictionary<(int Left, int Right), (int Rank, int Id)> _merges = [];
    private readonly BytePairSettings _settings;
    private readonly int _unknown;

    public BytePairModel(Dictionary<string, int> vocabulary, IReadOnlyList<(string Left, string Right)> merges, BytePairSettings settings)
    {
        _vocabulary = vocabulary;
        _lookup = vocabulary.GetAlternateLookup<ReadOnlySpan<char>>();
        _settings = settings;
        _unknown = settings.Unknown is not null && vocabulary.TryGetValue(settings.Unknown, out int id) ? id : -1;
        for (int rank = 0; rank < merges.Count; rank++)
        {
            (string left, string right) = merges[rank];
            string merged = left + (settings.Prefix.Length > 0 && right.StartsWith(settings.Prefix, StringComparison.Ordinal) ? right[settings.Prefix.Length..] : right);
            if (vocabulary.TryGetValue(left, out int l) && vocabulary.TryGetValue(right, out int r) && vocabulary.TryGetValue(merged, out int m)) _merges[(l, r)] = (rank, m);
        }
    }

    public override IReadOnlyDictionary<string, int> Vocabulary => _vocabulary;

    private protected override WordTokens Compute(ReadOnlySpan<char> word)
    {
        if (_settings.IgnoreMerges && WholeWord(word) is { } whole) return whole;
        List<Symbol> symbols = _settings.ByteLevel ? BytesOf(word) : CharactersOf(word);
        Merge(symbols);
        var live = symbols.FindAll(symbol => symbol.Length > 0);
        return new([.. live.Select(symbol => symbol.Id)], [.. live.Select(symbol => symbol.Start)], [.. live.Select(symbol => symbol.End)]);
    }

    private WordTokens? WholeWord(ReadOnlySpan<char> word)
    {
        string spelled = _settings.ByteLevel ? string.Concat(Encoding.UTF8.GetBytes(word.ToString()).Select(value => ByteAlphabet.Characters[value])) : word.ToString();
        return _vocabulary.TryGetValue(spelled, out int id) ? new([id], [0], [word.Length]) : null;
    }

    private List<Symbol> BytesOf(ReadOnlySpan<char> word)
    {
        var symbols = new List<Symbol>(word.Length + 8);
        Span<byte> bytes = stackalloc byte[4];
        Span<char> character = stackalloc char[1];
        for (int at = 0; at < word.Length;)
        {
            Rune.DecodeFromUtf16(word[at..], out Rune rune, out int size);
            int count = rune.EncodeToUtf8(bytes);
            for (int i = 0; i < count; i++)
            {
                character[0] = ByteAlphabet.Characters[bytes[i]];
                if (_lookup.TryGetValue(character, out int id)) symbols.Add(new(id, at, at + size));
                else if (_unknown >= 0) AddUnknown(symbols, at, at + size);
            }
            at += size;
        }
        return symbols;
    }

    private List<Symbol> CharactersOf(ReadOnlySpan<char> word)
    {
        var symbols = new List<Symbol>(word.Length);
        for (int at = 0; at < word.Length;)
        {
            Rune.DecodeFromUtf16(word[at..], out Rune rune, out int size);
            string spelled = rune.ToString();
            if (at > 0) spelled = _settings.Prefix + spelled;
            if (at + size == word.Length) spelled += _settings.Suffix;
            if (_vocabulary.TryGetValue(spelled, out int id)) symbols.Add(new(id, at, at + size));
            else if (!_settings.ByteFallback || !AddBytes(symbols, spelled, at, at + size)) AddUnknown(symbols, at, at + size);
            at += size;
        }
        return symbols;
    }

    private bool AddBytes(List<Symbol> symbols, string spelled, int start, int end)
    {
        byte[] bytes = Encoding.UTF8.GetBytes(spelled);
        var ids = new int[bytes.Length];
        for (int i = 0; i < bytes.Length; i++)
        {
            if (!_vocabulary.TryGetValue($"<0x{bytes[i]:X2}>", out ids[i])) return false;
        }
        foreach (int id in ids) symbols.Add(new(id, start, end));
        return true;
    }

    private void AddUnknown(List<Symbol> symbols, int start, int end)
    {
        if (_unknown < 0) return;
        if (_settings.FuseUnknown && symbols.Count > 0 && symbols[^1].Id == _unknown) symbols[^1] = symbols[^1] with { End = end };
        else symbols.Add(new(_unknown, start, end));
    }

    // A queue of candidate merges over a linked list: n log n, whatever the word.
    private void Merge(List<Symbol> symbols)
    {
        if (symbols.Count < 2) return;
        var next = new int[symbols.Count];
        var previous = new int[symbols.Count];
        for (int i = 0; i < next.Length; i++) (next[i], previous[i]) = (i + 1 < next.Length ? i + 1 : -1, i - 1);
        var queue = new PriorityQueue<(int Left, int LeftId, int RightId, int Merged), (int Rank, int Left)>();
        void Consider(int left)
        {
            int right = left < 0 ? -1 : next[left];
            if (right < 0 || !_merges.TryGetValue((symbols[left].Id, symbols[right].Id), out (int Rank, int Id) merge)) return;
            queue.Enqueue((left, symbols[left].Id, symbols[right].Id, merge.Id), (merge.Rank, left));
        }
        for (int i = 0; i < symbols.Count - 1; i++) Consider(i);
        while (queue.TryDequeue(out (int Left, int LeftId, int RightId, int Merged) candidate, out _))
        {
            int left = candidate.Left;
            int right = next[left];
            if (symbols[left].Length == 0 || right < 0 || symbols[left].Id != candidate.LeftId || symbols[right].Id != candidate.RightId) continue;
            symbols[left] = new(candidate.Merged, symbols[left].Start, symbols[right].End, symbols[left].Length + symbols[right].Length);
            symbols[right] = symbols[right] with { Length = 0 };
            next[left] = next[right];
            if (next[left] >= 0) previous[next[left]] = left;
            Consider(previous[left]);
            Consider(left);
        }
    }

    // Length counts the symbols merged in; 0: it went into the one before.
    private readonly record struct Symbol(int Id, int Start, int End, int Length = 1);
}
