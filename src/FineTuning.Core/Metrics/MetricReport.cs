namespace FineTuning.Metrics;

/// <summary>What an evaluation gives: plain numbers.</summary>
/// <param name="values">Name and value, in the order in which they are shown.</param>
public sealed class MetricReport(IReadOnlyDictionary<string, double> values)
{
    /// <summary>Name and value, in the order in which they are shown.</summary>
    public IReadOnlyDictionary<string, double> Values { get; } = values;
}
