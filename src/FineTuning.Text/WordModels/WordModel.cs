namespace FineTuning.Text;

/// <summary>Turns words into tokens and remembers those it has seen, without a lock on the way. Thread-safe.</summary>
internal abstract class WordModel
{
    private const int LongestCachedWord = 64;

    private readonly WordCache _cache = new();

    /// <summary>Ids by token.</summary>
    public abstract IReadOnlyDictionary<string, int> Vocabulary { get; }

    /// <summary>What every piece of a word but the first is spelled with. Empty: nothing.</summary>
    public virtual string ContinuationPrefix => "";

    /// <summary>The id of a token whose text is what stood there, not the vocabulary's; -1: there is none.</summary>
    public virtual int UnknownId => -1;

    /// <summary>Adds a word's tokens; they count from <paramref name="offset"/>.</summary>
    public virtual void Tokenize(ReadOnlySpan<char> word, TokenList output, int offset)
    {
        bool cached = word.Length <= LongestCachedWord;
        int hash = 0;
        if (cached)
        {
            hash = WordCache.Hash(word);
            if (_cache.Find(word, hash) is { } known)
            {
                output.AddRange(known, offset);
                return;
            }
        }
        int first = output.Count;
        Compute(word, output);
        if (cached) _cache.Keep(word, hash, output.Items[first..]);
        if (offset != 0) output.Shift(first, offset);
    }

    /// <summary>Adds a word's tokens, which count from its beginning.</summary>
    private protected abstract void Compute(ReadOnlySpan<char> word, TokenList output);
}
