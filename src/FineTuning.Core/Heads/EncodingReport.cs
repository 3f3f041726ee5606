namespace FineTuning.Heads;

/// <summary>What happened to the examples while they became tokens: nothing is cut or left out in silence.</summary>
/// <remarks>Thread-safe.</remarks>
public sealed class EncodingReport
{
    private readonly Lock _lock = new();
    private readonly SortedDictionary<string, int> _skipped = new(StringComparer.Ordinal);
    private int _truncatedExamples;
    private long _truncatedTokens;
    private int _emptyTexts;

    /// <summary>How many examples lost tokens at the maximal length.</summary>
    public int TruncatedExamples => _truncatedExamples;

    /// <summary>How many tokens were lost at the maximal length.</summary>
    public long TruncatedTokens => Interlocked.Read(ref _truncatedTokens);

    /// <summary>How many texts were empty or white space.</summary>
    public int EmptyTexts => _emptyTexts;

    /// <summary>How many examples were left out, by reason.</summary>
    public IReadOnlyDictionary<string, int> Skipped
    {
        get
        {
            lock (_lock) return new SortedDictionary<string, int>(_skipped, StringComparer.Ordinal);
        }
    }

    /// <summary>Counts an example that lost tokens.</summary>
    /// <param name="tokens">How many were lost; 0 or less counts nothing.</param>
    public void Truncated(int tokens)
    {
        if (tokens <= 0) return;
        Interlocked.Increment(ref _truncatedExamples);
        Interlocked.Add(ref _truncatedTokens, tokens);
    }

    /// <summary>Counts an empty text.</summary>
    public void Empty() => Interlocked.Increment(ref _emptyTexts);

    /// <summary>Counts an example that is left out.</summary>
    /// <param name="reason">Why, in a few words that are the same for all such examples.</param>
    public void Skip(string reason)
    {
        lock (_lock) _skipped[reason] = _skipped.GetValueOrDefault(reason) + 1;
    }
}
