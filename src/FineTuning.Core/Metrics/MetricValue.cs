namespace FineTuning.Metrics;

/// <summary>Which way a metric gets better.</summary>
public enum MetricDirection
{
    /// <summary>More is better: accuracy, F1, BLEU.</summary>
    Higher,

    /// <summary>Less is better: losses, errors, TER.</summary>
    Lower,

    /// <summary>Neither: a threshold. Weights cannot be compared by it.</summary>
    Neither,
}

/// <summary>A metric of a report: its name, its value and which way it gets better.</summary>
/// <param name="Name">For example <c>accuracy</c>.</param>
/// <param name="Value">NaN where it is not defined on the data.</param>
/// <param name="Direction">Which way it gets better.</param>
public sealed record MetricValue(string Name, double Value, MetricDirection Direction)
{
    /// <summary>What it is called.</summary>
    public string Name { get; init => field = value ?? throw new ArgumentNullException(nameof(Name)); } = Name ?? throw new ArgumentNullException(nameof(Name));

    /// <summary>Why the value is not defined; null where it is defined, or the reason is unknown.</summary>
    public string? Undefined { get; init; }

    /// <summary>A metric of which more is better.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="value">NaN where it is not defined.</param>
    /// <param name="undefined">Why it is not defined; null where it is.</param>
    public static MetricValue Higher(string name, double value, string? undefined = null) =>
        new(name, value, MetricDirection.Higher) { Undefined = double.IsNaN(value) ? undefined : null };

    /// <summary>A metric of which less is better.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="value">NaN where it is not defined.</param>
    /// <param name="undefined">Why it is not defined; null where it is.</param>
    public static MetricValue Lower(string name, double value, string? undefined = null) =>
        new(name, value, MetricDirection.Lower) { Undefined = double.IsNaN(value) ? undefined : null };

    /// <summary>A number that is neither better nor worse for being larger.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="value">The number.</param>
    public static MetricValue Neither(string name, double value) => new(name, value, MetricDirection.Neither);
}
