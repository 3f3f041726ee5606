namespace FineTuning.Metrics;

/// <summary>The texts of the errors that several metrics raise.</summary>
internal static class MetricErrors
{
    /// <summary>An average over nothing.</summary>
    /// <param name="unit">What is added to the metric: a row, a text, a token.</param>
    public static InvalidOperationException NothingAdded(string unit) => new($"there is nothing to evaluate: no {unit} was added");

    /// <summary>Counts of another metric, or of other options.</summary>
    /// <param name="statistics">What was given.</param>
    /// <param name="expected">Which metric, and how many it has.</param>
    public static ArgumentException WrongCounts(IReadOnlyList<double> statistics, string expected) =>
        new($"there are {statistics.Count} counts; {expected}", nameof(statistics));

    /// <summary>Refuses a text without a reference, and references that are null.</summary>
    /// <param name="references">The references of one text.</param>
    public static void RequireReferences(IReadOnlyList<string> references)
    {
        RequireAny(references);
        if (references.Any(reference => reference is null)) throw new ArgumentException("a reference is null; leave it out", nameof(references));
    }

    /// <summary>Refuses a text without a reference.</summary>
    /// <param name="references">The references of one text.</param>
    public static void RequireAny<T>(IReadOnlyList<T> references)
    {
        if (references.Count == 0) throw new ArgumentException("there is no reference; give at least one", nameof(references));
    }

    public static void RequireLabels(int values, int labels, string argument)
    {
        if (values != labels) throw new ArgumentException($"there are {values} numbers for {labels} labels", argument);
    }

    /// <summary>Refuses a bootstrap without resamples.</summary>
    /// <param name="resamples">The resamples.</param>
    public static void RequireResamples(IReadOnlyList<IReadOnlyList<int>> resamples)
    {
        if (resamples.Count == 0) throw new ArgumentException("there is no resample; draw some (Draw)", nameof(resamples));
    }
}
