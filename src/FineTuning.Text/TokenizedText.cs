namespace FineTuning.Text;

/// <summary>A text as the model sees it. Immutable; offsets count UTF-16 units, the index of a C# string.</summary>
public sealed class TokenizedText
{
    private readonly PretrainedTokenizer _tokenizer;
    private readonly Dictionary<int, string>? _surface;
    private readonly TokenLayout _layout;

    // Most rows are never asked for more than their ids. What else is known of tokens is written out when first asked
    // for; until then positions take two bytes each.
    private readonly ushort[]? _packed;
    private Views? _views;

    internal TokenizedText(PretrainedTokenizer tokenizer, TokenArrays row, int truncated)
    {
        (_tokenizer, _surface, _layout, TruncatedTokens) = (tokenizer, row.Surface, row.Layout, truncated);
        Ids = row.Ids.ToArray();
        _packed = PackedOffsets.Pack(row.Starts, row.Ends, row.Words);
        if (_packed is null) _views = new() { Starts = row.Starts.ToArray(), Ends = row.Ends.ToArray(), Words = row.Words.ToArray() };
    }

    private TokenizedText(TokenizedText row, int length, int pad, bool left)
    {
        int missing = length - row.Ids.Length, front = left ? missing : 0;
        int[] Fill(int[] values, int filling)
        {
            var filled = new int[length];
            Array.Fill(filled, filling);
            values.CopyTo(filled, front);
            return filled;
        }
        _tokenizer = row._tokenizer;
        _surface = row._surface?.ToDictionary(entry => entry.Key + front, entry => entry.Value);
        _layout = left ? row._layout with { Before = row._layout.Before + missing } : row._layout with { After = row._layout.After + missing };
        Ids = Fill(row.Ids, pad);
        _views = new() { Starts = Fill(row.Starts, 0), Ends = Fill(row.Ends, 0), Words = Fill(row.WordIds, -1) };
        (TruncatedTokens, Overflow) = (row.TruncatedTokens, [.. row.Overflow.Select(window => window.Padded(length, pad, left))]);
    }

    internal TokenizedText Padded(int length, int pad, bool left) => Ids.Length >= length ? this : new(this, length, pad, left);

    /// <summary>Token ids.</summary>
    public int[] Ids { get; }

    /// <summary>0 for the first text, 1 for the second, as the model's template says.</summary>
    public int[] TypeIds => Spread(ref Known.Types, static stretch => stretch.Type);

    /// <summary>Where each token begins in its text; 0 for tokens that stand in none.</summary>
    public int[] Starts => Unpack(ref Known.Starts, 0);

    /// <summary>Where each token ends in its text; 0 for tokens that stand in none.</summary>
    public int[] Ends => Unpack(ref Known.Ends, 1);

    /// <summary>The number of the word each token belongs to, from 0 in each text; -1 for tokens that the template put there.</summary>
    public int[] WordIds => Unpack(ref Known.Words, 2);

    /// <summary>0 for the first text, 1 for the second, -1 for tokens that the template put there.</summary>
    public int[] SequenceIds => Spread(ref Known.Sequences, static stretch => stretch.Sequence);

    /// <summary>Whether a token was put there by the template, or as padding.</summary>
    public bool[] Special => Spread(ref Known.Special, static stretch => stretch.Sequence < 0);

    /// <summary>1 for tokens, 0 for padding.</summary>
    public int[] AttentionMask => Spread(ref Known.Mask, static stretch => stretch.Padding ? 0 : 1);

    private Views Known => Volatile.Read(ref _views) ?? Interlocked.CompareExchange(ref _views, new(), null) ?? _views;

    private int[] Unpack(ref int[]? position, int kind) => Volatile.Read(ref position) ?? Keep(ref position, PackedOffsets.Unpack(_packed!, kind));

    private T[] Spread<T>(ref T[]? position, Func<TokenStretch, T> value)
    {
        if (Volatile.Read(ref position) is { } known) return known;
        var values = new T[Ids.Length];
        int at = 0;
        for (int i = 0; i < _layout.Stretches; i++)
        {
            TokenStretch stretch = _layout[i];
            values.AsSpan(at, stretch.Count).Fill(value(stretch));
            at += stretch.Count;
        }
        return Keep(ref position, values);
    }

    // Two threads that ask at once get the same array.
    private static T[] Keep<T>(ref T[]? position, T[] values) => Interlocked.CompareExchange(ref position, values, null) ?? values;

    /// <summary>The other windows where the text was cut with <see cref="TokenizingOptions.KeepOverflow"/>; else empty.</summary>
    public IReadOnlyList<TokenizedText> Overflow { get; internal init; } = [];

    /// <summary>How many tokens of the text are not in <see cref="Ids"/>; 0: all are.</summary>
    public int TruncatedTokens { get; }

    /// <summary>The text of a token: its entry in the vocabulary, or what stood in the text where that differs.</summary>
    /// <param name="index">The token's position.</param>
    /// <exception cref="ArgumentOutOfRangeException">There is no such token.</exception>
    public string Token(int index)
    {
        if (index < 0 || index >= Ids.Length)
            throw new ArgumentOutOfRangeException(nameof(index), index, $"there are {Ids.Length} tokens");
        return _surface is not null && _surface.TryGetValue(index, out string? text) ? text : _tokenizer.Token(Ids[index]) ?? "";
    }

    /// <summary>The token that covers a character of a text, or -1.</summary>
    /// <param name="character">The index in the string.</param>
    /// <param name="sequence">0 for the first text, 1 for the second.</param>
    public int TokenAt(int character, int sequence = 0)
    {
        int[] sequences = SequenceIds, starts = Starts, ends = Ends;
        for (int i = 0; i < sequences.Length; i++)
        {
            if (sequences[i] == sequence && starts[i] <= character && character < ends[i]) return i;
        }
        return -1;
    }

    /// <summary>The word that covers a character of a text, or -1.</summary>
    /// <param name="character">The index in the string.</param>
    /// <param name="sequence">0 for the first text, 1 for the second.</param>
    public int WordAt(int character, int sequence = 0) => TokenAt(character, sequence) is >= 0 and int token ? WordIds[token] : -1;

    /// <summary>The tokens of a word, from the first to behind the last. Null: there is none.</summary>
    /// <param name="word">The word's number, as <see cref="WordIds"/> counts.</param>
    /// <param name="sequence">0 for the first text, 1 for the second.</param>
    public (int Start, int End)? TokensOf(int word, int sequence = 0)
    {
        int start = -1, end = -1;
        int[] words = WordIds, sequences = SequenceIds;
        for (int i = 0; i < words.Length; i++)
        {
            if (words[i] != word || sequences[i] != sequence) continue;
            if (start < 0) start = i;
            end = i + 1;
        }
        return start < 0 ? null : (start, end);
    }

    /// <summary>The characters of a word, from the first to behind the last. Null: it has no token.</summary>
    /// <param name="word">The word's number, as <see cref="WordIds"/> counts.</param>
    /// <param name="sequence">0 for the first text, 1 for the second.</param>
    public (int Start, int End)? CharactersOf(int word, int sequence = 0) =>
        TokensOf(word, sequence) is { } tokens ? (Starts[tokens.Start], Ends[tokens.End - 1]) : null;

    private sealed class Views
    {
        public int[]? Starts, Ends, Words, Types, Sequences, Mask;
        public bool[]? Special;
    }
}
