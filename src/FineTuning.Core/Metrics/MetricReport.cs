using System.Globalization;
using System.Text;
using FineTuning.Errors;

namespace FineTuning.Metrics;

/// <summary>What an evaluation gives: plain numbers, owning nothing.</summary>
/// <remarks>Immutable.</remarks>
public sealed class MetricReport
{
    /// <summary>Creates a report.</summary>
    /// <param name="metrics">In the order in which they are shown; each states which way it gets better.</param>
    /// <param name="confusion">How often each label was taken for each; null where there are no labels.</param>
    /// <param name="classes">Scores of each label; null where there are no labels.</param>
    /// <exception cref="ArgumentException">A metric is null, or two have one name.</exception>
    public MetricReport(IReadOnlyList<MetricValue> metrics, ConfusionMatrix? confusion = null, IReadOnlyList<ClassScores>? classes = null)
    {
        ArgumentNullException.ThrowIfNull(metrics);
        new NullMembers().Entries(classes, nameof(classes)).Require(nameof(classes));
        if (metrics.Any(metric => metric?.Name is null)) throw new ArgumentException("a metric or its name is null", nameof(metrics));
        if (metrics.GroupBy(metric => metric.Name, StringComparer.Ordinal).FirstOrDefault(group => group.Count() > 1) is { } twice)
            throw new ArgumentException($"there are two metrics '{twice.Key}'; names differ", nameof(metrics));
        Metrics = [.. metrics];
        Values = [.. metrics.Select(metric => KeyValuePair.Create(metric.Name, metric.Value))];
        Confusion = confusion;
        Classes = classes ?? [];
    }

    /// <summary>The metrics in the order in which they are shown.</summary>
    public IReadOnlyList<MetricValue> Metrics { get; }

    /// <summary>Name and value of each metric, in that order.</summary>
    public IReadOnlyList<KeyValuePair<string, double>> Values { get; }

    /// <summary>How often each label was taken for each; null where there are no labels.</summary>
    public ConfusionMatrix? Confusion { get; }

    /// <summary>Scores of each label; empty where there are no labels.</summary>
    public IReadOnlyList<ClassScores> Classes { get; }

    /// <summary>How the data was read where the numbers depend on it, for example which tagging scheme; null where they do not.</summary>
    public string? Reading { get; init; }

    /// <summary>Some of the texts that the model wrote, beside what was expected; empty where it wrote none.</summary>
    public IReadOnlyList<GeneratedSample> Samples { get; init; } = [];

    /// <summary>A value by its name.</summary>
    /// <param name="name">For example <c>accuracy</c>.</param>
    /// <exception cref="KeyNotFoundException">There is no such value; the message lists those there are.</exception>
    public double this[string name] => TryGet(name ?? throw new ArgumentNullException(nameof(name)), out double value) ? value
        : throw new KeyNotFoundException($"there is no metric '{name}'; there are {string.Join(", ", Values.Select(pair => pair.Key))}");

    /// <summary>A metric by its name. Null: there is none.</summary>
    /// <param name="name">For example <c>accuracy</c>.</param>
    public MetricValue? Find(string name) =>
        name is null ? throw new ArgumentNullException(nameof(name)) : Metrics.FirstOrDefault(metric => metric.Name == name);

    /// <summary>A value by its name, where there is one.</summary>
    /// <param name="name">For example <c>accuracy</c>.</param>
    /// <param name="value">The value, or NaN.</param>
    public bool TryGet(string name, out double value)
    {
        foreach (KeyValuePair<string, double> pair in Values)
        {
            if (pair.Key != name) continue;
            value = pair.Value;
            return true;
        }
        value = double.NaN;
        return false;
    }

    /// <inheritdoc/>
    public override string ToString()
    {
        var text = new StringBuilder(string.Join(", ", Metrics.Select(Describe)));
        if (Reading is not null) text.AppendLine().Append("  (").Append(Reading).Append(')');
        foreach (ClassScores scores in Classes) text.AppendLine().Append("  ").Append(scores);
        foreach (GeneratedSample sample in Samples) text.AppendLine().Append("  ").Append(sample);
        return text.ToString();
    }

    /// <summary>The same numbers without confusion matrix and samples, which are large.</summary>
    internal MetricReport WithoutDetails() => new(Metrics, null, Classes) { Reading = Reading };

    private static string Describe(MetricValue metric) => metric.Undefined is { } reason ? $"{metric.Name} undefined ({reason})"
        : string.Create(CultureInfo.InvariantCulture, $"{metric.Name} {metric.Value:0.####}");
}

/// <summary>The scores of one label.</summary>
/// <param name="Label">Its name.</param>
/// <param name="Precision">Of what was given this label, the share that has it; 0 where nothing was.</param>
/// <param name="Recall">Of what has this label, the share that was given it; 0 where nothing has.</param>
/// <param name="F1">2 tp / (2 tp + fp + fn); 0 where the label occurs on neither side.</param>
/// <param name="Support">How many references have it.</param>
public sealed record ClassScores(string Label, double Precision, double Recall, double F1, double Support)
{
    /// <inheritdoc/>
    public override string ToString() =>
        string.Create(CultureInfo.InvariantCulture, $"{Label}: precision {Precision:0.###}, recall {Recall:0.###}, F1 {F1:0.###} over {Support:0.##}");
}
