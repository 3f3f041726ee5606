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
        _bytes = [.. Enumerable.Range(0, 256).Select(value => vocabulary.GetValueOrDefault(settings.ByteLevel ? ByteAlphabet.Characters[value].ToString() : $"<0x{value:X2}>", -1))];
        bool complete = Array.TrueForAll(_bytes, known => known >= 0);
        _spells = settings.ByteLevel && complete && settings is { Prefix.Length: 0, Suffix.Length: 0, ByteFallback: false };
        // Where no token goes on past a mark, a text falls into words at its marks, whatever its length.
        _cuts = !settings.ByteLevel && !settings.IgnoreMerges && settings is { Prefix.Length: 0, Suffix.Length: 0 } && vocabulary.ContainsKey(Mark.ToString())
            && (_unknown >= 0 || (settings.ByteFallback && complete)) && vocabulary.Keys.All(token => Boundary(token, 1) < 0);
    }

    public override IReadOnlyDictionary<string, int> Vocabulary => _vocabulary;

    public override WordTokens Tokenize(ReadOnlySpan<char> word)
    {
        if (!_cuts || Boundary(word, 1) < 0) return base.Tokenize(word);
        var tokens = new TokenList();
        for (int start = 0; start < word.Length;)
        {
            int end = Boundary(word, start + 1);
            if (end < 0) end = word.Length;
            WordTokens part = base.Tokenize(word[start..end]);
            for (int i = 0; i < part.Ids.Length; i++) tokens.Add(part.Ids[i], start + part.Starts[i], start + part.Ends[i]);
            start = end;
        }
        return tokens.ToTokens();
    }

    private protected override WordTokens Compute(ReadOnlySpan<char> word)
    {
        if (_settings.ByteLevel && !_spells) return ComputeSpelled(word);
        if (_settings.IgnoreMerges && WholeWord(word) is { } whole) return whole;
        List<BytePairSymbol> symbols = _spells ? BytesOf(word) : CharactersOf(word);
        _merges.Apply(symbols);
        return Placed(symbols, word);
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
    private static WordTokens Placed(List<BytePairSymbol> symbols, ReadOnlySpan<char> word)
    {
        var ids = new int[symbols.Count];
        var starts = new int[symbols.Count];
        var ends = new int[symbols.Count];
        int bytes = 0, at = 0, size = 0, characterEnd = 0;
        for (int i = 0; i < ids.Length; i++)
        {
            Advance(word, bytes + 1, ref at, ref size, ref characterEnd);
            (ids[i], starts[i]) = (symbols[i].Id, at);
            bytes += symbols[i].Length;
            Advance(word, bytes, ref at, ref size, ref characterEnd);
            ends[i] = at + size;
        }
        return new(ids, starts, ends);
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

    private WordTokens ComputeSpelled(ReadOnlySpan<char> word)
    {
        var text = new AlignedText(word, 0);
        new ByteLevelNormalizer().Apply(text);
        if (_settings.IgnoreMerges && _lookup.TryGetValue(text.Characters, out int id)) return new([id], [0], [word.Length]);
        List<BytePairSymbol> symbols = CharactersOf(text.Characters);
        _merges.Apply(symbols);
        WordTokens tokens = Placed(symbols, text.Characters);
        return new(tokens.Ids, Array.ConvertAll(tokens.Starts, text.StartOf), Array.ConvertAll(tokens.Ends, end => text.EndOf(end - 1)));
    }

    private WordTokens? WholeWord(ReadOnlySpan<char> word)
    {
        string spelled = _settings.ByteLevel ? string.Concat(Encoding.UTF8.GetBytes(word.ToString()).Select(value => ByteAlphabet.Characters[value])) : word.ToString();
        return _vocabulary.TryGetValue(spelled, out int id) ? new([id], [0], [word.Length]) : null;
    }

    private List<BytePairSymbol> BytesOf(ReadOnlySpan<char> word)
    {
        var symbols = new List<BytePairSymbol>(word.Length + 8);
        Span<byte> bytes = stackalloc byte[4];
        for (int at = 0; at < word.Length;)
        {
            Rune.DecodeFromUtf16(word[at..], out Rune rune, out int size);
            int count = rune.EncodeToUtf8(bytes);
            for (int i = 0; i < count; i++) symbols.Add(new(_bytes[bytes[i]], 1));
            at += size;
        }
        return symbols;
    }

    private List<BytePairSymbol> CharactersOf(ReadOnlySpan<char> word)
    {
        var symbols = new List<BytePairSymbol>(word.Length);
        // An unknown character waits for what comes next, which it may be joined with; bytes do not wait for it, as in the reference.
        int waiting = 0;
        for (int at = 0; at < word.Length;)
        {
            Rune.DecodeFromUtf16(word[at..], out Rune rune, out int size);
            bool known = _settings is { Prefix.Length: 0, Suffix.Length: 0 } ? _lookup.TryGetValue(word.Slice(at, size), out int id) : _vocabulary.TryGetValue(Spelled(word, at, size), out id);
            if (known)
            {
                Release(symbols, ref waiting);
                symbols.Add(new(id, rune.Utf8SequenceLength));
            }
            else if ((!_settings.ByteFallback || !AddBytes(symbols, Spelled(word, at, size))) && _settings.Unknown is not null)
            {
                if (_unknown < 0) throw new InvalidOperationException($"the text has the character '{rune}', which is not in the vocabulary, and neither is the unknown token '{_settings.Unknown}'");
                if (!_settings.FuseUnknown) Release(symbols, ref waiting);
                waiting += rune.Utf8SequenceLength;
            }
            at += size;
        }
        Release(symbols, ref waiting);
        return symbols;
    }

    private string Spelled(ReadOnlySpan<char> word, int at, int size) =>
        $"{(at > 0 ? _settings.Prefix : "")}{word.Slice(at, size)}{(at + size == word.Length ? _settings.Suffix : "")}";

    private void Release(List<BytePairSymbol> symbols, ref int waiting)
    {
        if (waiting > 0) symbols.Add(new(_unknown, waiting));
        waiting = 0;
    }

    private bool AddBytes(List<BytePairSymbol> symbols, string spelled)
    {
        byte[] bytes = Encoding.UTF8.GetBytes(spelled);
        if (Array.Exists(bytes, value => _bytes[value] < 0)) return false;
        foreach (byte value in bytes) symbols.Add(new(_bytes[value], 1));
        return true;
    }
}
