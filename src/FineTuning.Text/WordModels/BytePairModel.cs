using System.Text;
using FineTuning.Errors;

namespace FineTuning.Text;

/// <summary>Byte-pair encoding (Sennrich et al. 2016): the merge of lowest rank first, the leftmost on a tie.</summary>
internal sealed class BytePairModel : WordModel
{
    private const char Mark = '\u2581';

    private readonly Dictionary<string, int> _vocabulary;
    private readonly Dictionary<string, int>.AlternateLookup<ReadOnlySpan<char>> _lookup;
    private readonly BytePairMerges _merges;
    private readonly BytePairSettings _settings;
    private readonly int _unknown;
    private readonly int[] _bytes;
    private readonly bool _spells;
    private readonly bool _cuts;

    /// <exception cref="CheckpointException">A merge names what is not in the vocabulary, or the unknown token is not in it.</exception>
    public BytePairModel(Dictionary<string, int> vocabulary, IReadOnlyList<(string Left, string Right)> merges, BytePairSettings settings, string file)
    {
        _vocabulary = vocabulary;
        _lookup = vocabulary.GetAlternateLookup<ReadOnlySpan<char>>();
        _settings = settings;
        _unknown = settings.Unknown is not null && vocabulary.TryGetValue(settings.Unknown, out int id) ? id : -1;
        _merges = new(vocabulary, merges, settings.Prefix, file);
        _bytes = [.. Enumerable.Range(0, 256)
            .Select(value => vocabulary.GetValueOrDefault(
                settings is { ByteLevel: true, ByteFallback: false } ? ByteAlphabet.Characters[value].ToString() : $"<0x{value:X2}>", -1))];
        bool complete = Array.TrueForAll(_bytes, known => known >= 0);
        _spells = settings.ByteLevel && complete && settings is { Prefix.Length: 0, Suffix.Length: 0, ByteFallback: false };
        // Where no token goes on past a mark, a text falls into words at its marks, whatever its length.
        _cuts = !settings.ByteLevel && !settings.IgnoreMerges && settings is { Prefix.Length: 0, Suffix.Length: 0 } && vocabulary.ContainsKey(Mark.ToString())
            && (_unknown >= 0 || (settings.ByteFallback && complete)) && vocabulary.Keys.All(token => Boundary(token, 1) < 0);
    }

    public override IReadOnlyDictionary<string, int> Vocabulary => _vocabulary;

    public override string ContinuationPrefix => _settings.Prefix;

    public override void Tokenize(ReadOnlySpan<char> word, TokenList output, int offset)
    {
        for (int start = 0; start < word.Length;)
        {
            int end = _cuts ? Boundary(word, start + 1) : -1;
            if (end < 0) end = word.Length;
            base.Tokenize(word[start..end], output, offset + start);
            start = end;
        }
    }

    private protected override void Compute(ReadOnlySpan<char> word, TokenList output)
    {
        if (_settings.ByteLevel && !_spells)
        {
            ComputeSpelled(word, output);
            return;
        }
        if (_settings.IgnoreMerges && WholeWord(word) is { } whole)
        {
            output.Add(whole, 0, word.Length);
            return;
        }
        List<BytePairSymbol> symbols = output.Symbols;
        symbols.Clear();
        if (_spells) AddBytesOf(word, symbols);
        else AddCharactersOf(word, symbols);
        _merges.Apply(symbols, output.Scratch);
        Position(symbols, word, output);
    }

    // A mark that begins a word: one that stands behind something else.
    private static int Boundary(ReadOnlySpan<char> text, int from)
    {
        for (int at = from; at < text.Length; at++)
        {
            int offset = text[at..].IndexOf(Mark);
            if (offset < 0) return -1;
            at += offset;
            if (text[at - 1] != Mark) return at;
        }
        return -1;
    }

    // Positions count bytes in the reference, and what has no token counts for nothing there: what follows it in the word moves to the left.
    private static void Position(List<BytePairSymbol> symbols, ReadOnlySpan<char> word, TokenList output)
    {
        bool ascii = Ascii.IsValid(word);
        int bytes = 0, at = 0, size = 0, characterEnd = 0;
        foreach (BytePairSymbol symbol in symbols)
        {
            int start = bytes;
            if (!ascii)
            {
                Advance(word, bytes + 1, ref at, ref size, ref characterEnd);
                start = at;
            }
            bytes += symbol.Length;
            if (!ascii) Advance(word, bytes, ref at, ref size, ref characterEnd);
            // Bytes of a prefix count as well where it is spelled in bytes; what lies behind the word by that belongs to its last character.
            output.Add(symbol.Id, Math.Min(start, word.Length - 1), ascii ? Math.Min(bytes, word.Length) : at + size);
        }
    }

    // Moves to the character that the byte with this number, from 1, belongs to.
    private static void Advance(ReadOnlySpan<char> word, int number, ref int at, ref int size, ref int end)
    {
        while (end < number && at + size < word.Length)
        {
            at += size;
            Rune.DecodeFromUtf16(word[at..], out Rune rune, out size);
            end += rune.Utf8SequenceLength;
        }
    }

    private void ComputeSpelled(ReadOnlySpan<char> word, TokenList output)
    {
        var text = new AlignedText(word, 0);
        new ByteLevelNormalizer().Apply(text);
        if (_settings.IgnoreMerges && _lookup.TryGetValue(text.Characters, out int id))
        {
            output.Add(id, 0, word.Length);
            return;
        }
        var spelled = new TokenList();
        AddCharactersOf(text.Characters, spelled.Symbols);
        _merges.Apply(spelled.Symbols, output.Scratch);
        Position(spelled.Symbols, text.Characters, spelled);
        foreach (WordToken token in spelled.Items) output.Add(token.Id, text.StartOf(token.Start), text.EndOf(token.End - 1));
    }

    private bool IsPlain => _settings is { Prefix.Length: 0, Suffix.Length: 0 };

    private int? WholeWord(ReadOnlySpan<char> word)
    {
        if (!_settings.ByteLevel) return _lookup.TryGetValue(word, out int id) ? id : null;
        Span<char> spelled = stackalloc char[512];
        Span<byte> bytes = stackalloc byte[spelled.Length];
        int longest = spelled.Length / 3;
        if (word.Length > longest) return LongWord(word);
        int count = Encoding.UTF8.GetBytes(word, bytes);
        for (int i = 0; i < count; i++) spelled[i] = ByteAlphabet.Characters[bytes[i]];
        return _lookup.TryGetValue(spelled[..count], out int found) ? found : null;
    }

    private int? LongWord(ReadOnlySpan<char> word)
    {
        byte[] bytes = Encoding.UTF8.GetBytes(word.ToString());
        return _vocabulary.TryGetValue(string.Create(bytes.Length, bytes, static (span, source) =>
        {
            for (int i = 0; i < span.Length; i++) span[i] = ByteAlphabet.Characters[source[i]];
        }), out int id) ? id : null;
    }

    private void AddBytesOf(ReadOnlySpan<char> word, List<BytePairSymbol> symbols)
    {
        Span<byte> bytes = stackalloc byte[4];
        for (int at = 0; at < word.Length;)
        {
            if (word[at] < 128)
            {
                symbols.Add(new(_bytes[word[at++]], 1));
                continue;
            }
            Rune.DecodeFromUtf16(word[at..], out Rune rune, out int size);
            int count = rune.EncodeToUtf8(bytes);
            for (int i = 0; i < count; i++) symbols.Add(new(_bytes[bytes[i]], 1));
            at += size;
        }
    }

    private void AddCharactersOf(ReadOnlySpan<char> word, List<BytePairSymbol> symbols)
    {
        // An unknown character waits for what comes next, which it may be joined with; bytes do not wait for it, as in the reference.
        int waiting = 0;
        for (int at = 0; at < word.Length;)
        {
            Rune.DecodeFromUtf16(word[at..], out Rune rune, out int size);
            bool known = IsPlain ? _lookup.TryGetValue(word.Slice(at, size), out int id) : _vocabulary.TryGetValue(Spelled(word, at, size), out id);
            if (known)
            {
                Release(symbols, ref waiting);
                symbols.Add(new(id, rune.Utf8SequenceLength));
            }
            else if ((!_settings.ByteFallback || !AddBytes(symbols, IsPlain ? word.Slice(at, size) : Spelled(word, at, size))) && _settings.Unknown is not null)
            {
                if (_unknown < 0)
                    throw new TokenizationException(
                        $"the text has the character '{rune}', which is not in the vocabulary, and neither is the unknown token '{_settings.Unknown}'");
                if (!_settings.FuseUnknown) Release(symbols, ref waiting);
                waiting += rune.Utf8SequenceLength;
            }
            at += size;
        }
        Release(symbols, ref waiting);
    }

    private string Spelled(ReadOnlySpan<char> word, int at, int size) =>
        $"{(at > 0 ? _settings.Prefix : "")}{word.Slice(at, size)}{(at + size == word.Length ? _settings.Suffix : "")}";

    private void Release(List<BytePairSymbol> symbols, ref int waiting)
    {
        if (waiting > 0) symbols.Add(new(_unknown, waiting));
        waiting = 0;
    }

    private bool AddBytes(List<BytePairSymbol> symbols, ReadOnlySpan<char> spelled)
    {
        const int longestOnStack = 64;
        Span<byte> bytes = spelled.Length <= longestOnStack ? stackalloc byte[longestOnStack * 3] : new byte[spelled.Length * 3];
        bytes = bytes[..Encoding.UTF8.GetBytes(spelled, bytes)];
        foreach (byte value in bytes) if (_bytes[value] < 0) return false;
        foreach (byte value in bytes) symbols.Add(new(_bytes[value], 1));
        return true;
    }
}
