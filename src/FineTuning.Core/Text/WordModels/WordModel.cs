using System.Collections.Concurrent;

namespace FineTuning.Text;

/// <summary>The tokens of one word: ids, and where each begins and ends in the word (UTF-16 units). Immutable.</summary>
internal sealed record WordTokens(int[] Ids, int[] Starts, int[] Ends);

/// <summary>Tokens of a word while they are being found.</summary>
internal sealed class TokenList
{
    private readonly List<int> _ids = [];
    private readonly List<int> _starts = [];
    private readonly List<int> _ends = [];

    public void Add(int id, int start, int end)
    {
        _ids.Add(id);
        _starts.Add(start);
        _ends.Add(end);
    }

    public WordTokens ToTokens() => new([.. _ids], [.. _starts], [.. _ends]);
}

/// <summary>Turns words into tokens and remembers those it has seen, without a lock on the way. Thread-safe.</summary>
internal abstract class WordModel
{
    private const int CacheSize = 1 << 16;
    private const int LongestCachedWord = 64;

    private readonly ConcurrentDictionary<string, WordTokens> _cache = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, WordTokens>.AlternateLookup<ReadOnlySpan<char>> _lookup;
    private int _cached;

    private protected WordModel() => _lookup = _cache.GetAlternateLookup<ReadOnlySpan<char>>();

    /// <summary>Ids by token.</summary>
    public abstract IReadOnlyDictionary<string, int> Vocabulary { get; }

    /// <summary>The id of a token whose text is what stood there, not the vocabulary's; -1: there is none.</summary>
    public virtual int UnknownId => -1;

    public virtual WordTokens Tokenize(ReadOnlySpan<char> word)
    {
        if (word.Length > LongestCachedWord) return Compute(word);
        if (_lookup.TryGetValue(word, out WordTokens? tokens)) return tokens;
        tokens = Compute(word);
        // Full: what is in it stays. Words follow a power law, so the first many are the frequent ones.
        if (Volatile.Read(ref _cached) < CacheSize && _lookup.TryAdd(word, tokens)) Interlocked.Increment(ref _cached);
        return tokens;
    }

    private protected abstract WordTokens Compute(ReadOnlySpan<char> word);
}
