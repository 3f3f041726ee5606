using FineTuning.Errors;

namespace FineTuning.Metrics;

/// <summary>Adds up rows for your own metric.</summary>
/// <typeparam name="TTarget">What is right, as the model's task has it.</typeparam>
/// <typeparam name="TPrediction">What the model answers.</typeparam>
/// <remarks>Made for every evaluation and used by one thread.</remarks>
public interface IMetricAccumulator<in TTarget, in TPrediction>
{
    /// <summary>The metric over all rows; NaN where it is not defined.</summary>
    double Value { get; }

    /// <summary>Adds a row.</summary>
    /// <param name="target">What is right.</param>
    /// <param name="prediction">What the model answered.</param>
    void Add(TTarget target, TPrediction prediction);
}

/// <summary>Your own metric, shown beside a model's in every evaluation.</summary>
/// <remarks>Immutable. See <c>AddMetric</c> of the model for the types of its targets and predictions.</remarks>
public abstract class UserMetric
{
    private protected UserMetric(string name, MetricDirection direction)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(name);
        if (!Enum.IsDefined(direction))
            throw new InvalidOptionsException(
                [$"the direction of the metric '{name}' is {direction}: it is one of {string.Join(", ", Enum.GetNames<MetricDirection>())}"]);
        (Name, Direction) = (name, direction);
    }

    /// <summary>Its name in reports; no other metric of the model has it.</summary>
    public string Name { get; }

    /// <summary>Which way it gets better.</summary>
    public MetricDirection Direction { get; }

    internal abstract (Type Target, Type Prediction) Types { get; }

    /// <summary>A metric that is computed from all rows at once; they are kept until the evaluation ends.</summary>
    /// <typeparam name="TTarget">What is right.</typeparam>
    /// <typeparam name="TPrediction">What the model answers.</typeparam>
    /// <param name="name">Its name in reports.</param>
    /// <param name="direction">Which way it gets better.</param>
    /// <param name="compute">From targets and predictions, row by row, to the value.</param>
    public static UserMetric Of<TTarget, TPrediction>(
        string name, MetricDirection direction, Func<IReadOnlyList<TTarget>, IReadOnlyList<TPrediction>, double> compute)
    {
        ArgumentNullException.ThrowIfNull(compute);
        return new UserMetric<TTarget, TPrediction>(name, direction, () => new KeptRows<TTarget, TPrediction>(compute));
    }

    /// <summary>A metric that adds up row by row.</summary>
    /// <typeparam name="TTarget">What is right.</typeparam>
    /// <typeparam name="TPrediction">What the model answers.</typeparam>
    /// <param name="name">Its name in reports.</param>
    /// <param name="direction">Which way it gets better.</param>
    /// <param name="create">Makes an empty accumulator for each evaluation.</param>
    public static UserMetric Streaming<TTarget, TPrediction>(string name, MetricDirection direction, Func<IMetricAccumulator<TTarget, TPrediction>> create)
    {
        ArgumentNullException.ThrowIfNull(create);
        return new UserMetric<TTarget, TPrediction>(name, direction, create);
    }

    private sealed class KeptRows<TTarget, TPrediction>(Func<IReadOnlyList<TTarget>, IReadOnlyList<TPrediction>, double> compute)
        : IMetricAccumulator<TTarget, TPrediction>
    {
        private readonly List<TTarget> _targets = [];
        private readonly List<TPrediction> _predictions = [];

        public double Value => compute(_targets, _predictions);

        public void Add(TTarget target, TPrediction prediction)
        {
            _targets.Add(target);
            _predictions.Add(prediction);
        }
    }
}

/// <summary>A metric over rows of certain types.</summary>
internal sealed class UserMetric<TTarget, TPrediction>(string name, MetricDirection direction, Func<IMetricAccumulator<TTarget, TPrediction>> create)
    : UserMetric(name, direction)
{
    internal override (Type Target, Type Prediction) Types => (typeof(TTarget), typeof(TPrediction));

    public IMetricAccumulator<TTarget, TPrediction> Create() =>
        create() ?? throw new ArgumentException($"the metric '{Name}' made no accumulator: it gave null", nameof(create));
}

/// <summary>One evaluation's rows on their way to the user's metrics; where there are none it costs nothing.</summary>
/// <typeparam name="TTarget">What is right, as the model's task has it.</typeparam>
/// <typeparam name="TPrediction">What the model answers.</typeparam>
/// <remarks>For one thread.</remarks>
public sealed class MetricCollector<TTarget, TPrediction>
{
    private readonly (UserMetric Metric, IMetricAccumulator<TTarget, TPrediction> Rows)[] _metrics;

    internal MetricCollector(IEnumerable<UserMetric> metrics) =>
        _metrics = [.. metrics.Cast<UserMetric<TTarget, TPrediction>>().Select(metric => ((UserMetric)metric, metric.Create()))];

    /// <summary>Whether there is any metric: without one, predictions need not be made for it.</summary>
    public bool Any => _metrics.Length > 0;

    /// <summary>Adds a row to every metric.</summary>
    /// <param name="target">What is right.</param>
    /// <param name="prediction">What the model answered.</param>
    public void Add(TTarget target, TPrediction prediction)
    {
        foreach ((_, IMetricAccumulator<TTarget, TPrediction> rows) in _metrics) rows.Add(target, prediction);
    }

    /// <summary>The report with the user's metrics behind the model's.</summary>
    /// <param name="report">The model's.</param>
    /// <exception cref="InvalidOptionsException">A user's metric has the name of one of the model's.</exception>
    public MetricReport Extend(MetricReport report)
    {
        ArgumentNullException.ThrowIfNull(report);
        if (_metrics.Length == 0) return report;
        string[] taken = [.. _metrics.Where(entry => report.TryGet(entry.Metric.Name, out _))
            .Select(entry => $"the metric '{entry.Metric.Name}' has the name of one of the model's; give it another")];
        if (taken.Length > 0) throw new InvalidOptionsException(taken);
        IEnumerable<MetricValue> own = _metrics.Select(entry => new MetricValue(entry.Metric.Name, entry.Rows.Value, entry.Metric.Direction));
        return new MetricReport([.. report.Metrics, .. own], report.Confusion, report.Classes) { Reading = report.Reading, Samples = report.Samples };
    }
}
