namespace FineTuning.Heads;

/// <summary>What happened to the examples while they became tokens: nothing is cut or left out in silence.</summary>
/// <remarks>Thread-safe.</remarks>
public sealed class EncodingReport
{
    private const int NamesKept = 5;

    private readonly Lock _lock = new();
    private readonly SortedDictionary<string, int> _skipped = new(StringComparer.Ordinal);
    private readonly SortedDictionary<string, int> _remarks = new(StringComparer.Ordinal);
    private readonly SortedDictionary<string, SortedSet<string>> _names = new(StringComparer.Ordinal);
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

    /// <summary>What was changed or could not be used as it stood, in examples that are used all the same, and how often.</summary>
    public IReadOnlyDictionary<string, int> Remarks
    {
        get
        {
            lock (_lock) return new SortedDictionary<string, int>(_remarks, StringComparer.Ordinal);
        }
    }

    /// <summary>Counts something that was changed or could not be used as it stood, in an example that is used all the same.</summary>
    /// <param name="what">What, in a few words that are the same for all such cases.</param>
    /// <param name="count">How often; 0 or less counts nothing.</param>
    public void Remark(string what, int count = 1)
    {
        if (count <= 0) return;
        lock (_lock) _remarks[what] = _remarks.GetValueOrDefault(what) + count;
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

    /// <summary>Some of the examples that were left out or changed, by reason: the first few names in ordinal order, for those data sets whose examples have names.</summary>
    public IReadOnlyDictionary<string, IReadOnlyList<string>> Names
    {
        get
        {
            lock (_lock) return new SortedDictionary<string, IReadOnlyList<string>>(_names.ToDictionary(pair => pair.Key, pair => (IReadOnlyList<string>)[.. pair.Value]), StringComparer.Ordinal);
        }
    }

    /// <summary>Names an example that is left out or changed.</summary>
    /// <param name="reason">As it is counted.</param>
    /// <param name="name">The example's name; null: it has none.</param>
    public void Name(string reason, string? name)
    {
        if (string.IsNullOrEmpty(name)) return;
        lock (_lock)
        {
            if (!_names.TryGetValue(reason, out SortedSet<string>? names)) _names[reason] = names = new(StringComparer.Ordinal);
            names.Add(name);
            // The smallest names stay, so that the threads' order does not show.
            if (names.Count > NamesKept) names.Remove(names.Max!);
        }
    }

    /// <summary>The names kept for a reason, for a message; empty where there are none.</summary>
    internal string NamesOf(string reason)
    {
        lock (_lock) return _names.TryGetValue(reason, out SortedSet<string>? names) ? $" (for example {string.Join(", ", names)})" : "";
    }
}
