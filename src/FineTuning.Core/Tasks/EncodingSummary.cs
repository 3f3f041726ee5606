namespace FineTuning.Tasks;

/// <summary>What happened to the examples of a data set while they became tokens.</summary>
/// <remarks>Immutable and thread-safe.</remarks>
public sealed class EncodingSummary
{
    internal EncodingSummary()
    {
    }

    /// <summary>How many examples lost tokens at the maximal length.</summary>
    public int TruncatedExamples { get; internal init; }

    /// <summary>How many tokens were lost at the maximal length.</summary>
    public long TruncatedTokens { get; internal init; }

    /// <summary>How many texts were empty or white space.</summary>
    public int EmptyTexts { get; internal init; }

    /// <summary>How many examples were left out, by reason.</summary>
    public IReadOnlyDictionary<string, int> Skipped { get; internal init; } = new Dictionary<string, int>();

    /// <summary>What was changed or could not be used as it stood, in examples that are used all the same, and how often.</summary>
    public IReadOnlyDictionary<string, int> Notes { get; internal init; } = new Dictionary<string, int>();

    /// <summary>
    /// Some of the examples that were left out or changed, by reason: the first few names in ordinal order, for those data sets whose examples have names.
    /// </summary>
    public IReadOnlyDictionary<string, IReadOnlyList<string>> Names { get; internal init; } = new Dictionary<string, IReadOnlyList<string>>();

    /// <summary>What happened to the examples of several data sets, each reason with the name of its set.</summary>
    internal static EncodingSummary Join(IReadOnlyList<(string Name, EncodingSummary Summary)> sets)
    {
        Dictionary<string, T> All<T>(Func<EncodingSummary, IReadOnlyDictionary<string, T>> of) =>
            sets.SelectMany(set => of(set.Summary).Select(pair => KeyValuePair.Create($"{set.Name}: {pair.Key}", pair.Value))).ToDictionary();
        return new()
        {
            TruncatedExamples = sets.Sum(set => set.Summary.TruncatedExamples), TruncatedTokens = sets.Sum(set => set.Summary.TruncatedTokens),
            EmptyTexts = sets.Sum(set => set.Summary.EmptyTexts), Skipped = All(summary => summary.Skipped), Notes = All(summary => summary.Notes),
            Names = All(summary => summary.Names),
        };
    }

    /// <summary>The names kept for a reason, for a message; empty where there are none.</summary>
    internal string NamesOf(string reason) => Names.TryGetValue(reason, out IReadOnlyList<string>? names) ? $" (for example {string.Join(", ", names)})" : "";
}
