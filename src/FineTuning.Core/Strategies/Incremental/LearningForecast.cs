using System.Globalization;
using System.Text;
using FineTuning.Metrics;

namespace FineTuning.Strategies;

/// <summary>What a score is expected to be with a number of training rows.</summary>
/// <param name="Rows">Training rows.</param>
/// <param name="Expected">As likely above as below.</param>
/// <param name="Low">A measured score is worse with a probability of 10 %.</param>
/// <param name="High">A measured score is better with a probability of 10 %.</param>
public sealed record ForecastPoint(long Rows, double Expected, double Low, double High);

/// <summary>What a label's F1 is expected to be with more data of all labels.</summary>
/// <param name="Label">The label.</param>
/// <param name="Now">Its F1 at the last stage.</param>
/// <param name="Twice">With twice the rows.</param>
/// <param name="FiveTimes">With five times the rows.</param>
public sealed record ClassForecast(string Label, double Now, ForecastPoint Twice, ForecastPoint FiveTimes);

/// <summary>What more data would bring, from the scores of growing stages: several families of curves, each counting by how well it explains them.</summary>
/// <remarks>Immutable and thread-safe. The intervals hold 80 % of the outcomes where later data is like the data so far.</remarks>
public sealed class LearningForecast
{
    private readonly ErrorForecast _errors;
    private readonly ErrorScale _scale;
    private readonly decimal? _pricePerLabel, _valuePerPoint;

    internal LearningForecast(StageCurve curve, IReadOnlyList<ClassForecast> classes, IncrementalOptions options)
    {
        (Metric, Classes, _scale) = (curve.Metric, classes, curve.Scale);
        (_pricePerLabel, _valuePerPoint) = (options.PricePerLabel, options.ValuePerPoint);
        _errors = curve.Forecast();
        Now = curve.Points[^1];
        Twice = At(2 * Now.Rows);
        FiveTimes = At(5 * Now.Rows);
    }

    /// <summary>The metric.</summary>
    public string Metric { get; }

    /// <summary>Rows and score of the last stage.</summary>
    public (long Rows, double Score) Now { get; }

    /// <summary>With twice the rows.</summary>
    public ForecastPoint Twice { get; }

    /// <summary>With five times the rows.</summary>
    public ForecastPoint FiveTimes { get; }

    /// <summary>The same by label, for models that report scores by label; the label that gains most with twice the rows first.</summary>
    public IReadOnlyList<ClassForecast> Classes { get; }

    /// <summary>How much each family of curves counts, from 0 to 1.</summary>
    public IReadOnlyDictionary<string, double> Families => _errors.Families;

    /// <summary>The score with any number of rows.</summary>
    /// <param name="rows">1 or more.</param>
    public ForecastPoint At(long rows)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(rows, 1);
        double Score(double probability) => _scale.Score(_errors.Quantile(rows, probability));
        // Much error is a low score.
        return new(rows, Score(0.5), Score(0.9), Score(0.1));
    }

    /// <summary>By how much the score is expected to become better, in hundredths of its scale where that is from 0 to 1, else in its own unit.</summary>
    /// <param name="point">For example <see cref="Twice"/>.</param>
    public double PointsGained(ForecastPoint point)
    {
        ArgumentNullException.ThrowIfNull(point);
        return _scale.Points(Now.Score, point.Expected);
    }

    /// <summary>By how much a score is better than that of the last stage, in the metric's own unit.</summary>
    internal double Gain(double score) => _scale.Top == 0 ? Now.Score - score : score - Now.Score;

    /// <summary>What the further labels cost. Null: no price was given.</summary>
    /// <param name="point">For example <see cref="Twice"/>.</param>
    public decimal? Cost(ForecastPoint point)
    {
        ArgumentNullException.ThrowIfNull(point);
        return _pricePerLabel * Math.Max(0, point.Rows - Now.Rows);
    }

    /// <summary>
    /// Whether further labels are worth their price: what the expected gain is worth against what they cost. Null: price or worth was not given.
    /// </summary>
    /// <param name="point">For example <see cref="Twice"/>.</param>
    public bool? IsWorth(ForecastPoint point)
    {
        ArgumentNullException.ThrowIfNull(point);
        return _valuePerPoint is { } value && Cost(point) is { } cost ? value * (decimal)PointsGained(point) > cost : null;
    }

    /// <summary>Whether to label more, in a few lines.</summary>
    public override string ToString()
    {
        var text = new StringBuilder();
        text.Append(CultureInfo.InvariantCulture, $"{Metric} {Now.Score:0.####} with {Now.Rows:N0} rows");
        foreach ((string name, ForecastPoint point) in new[] { ("twice", Twice), ("five times", FiveTimes) })
        {
            text.AppendLine().Append(CultureInfo.InvariantCulture,
                $"{name} the data ({point.Rows:N0} rows): {point.Expected:0.####} ({point.Low:0.####} to {point.High:0.####}), ")
                .Append(CultureInfo.InvariantCulture, $"{PointsGained(point):+0.0;-0.0;0.0} points");
            if (Cost(point) is { } cost) text.Append(CultureInfo.InvariantCulture, $" for {cost:N2}");
            if (IsWorth(point) is { } worth) text.Append(worth ? ": worth it" : ": not worth it");
        }
        ClassForecast[] gaining = [.. Classes.Where(label => label.Twice.Expected > label.Now).Take(3)];
        if (gaining.Length > 0)
        {
            text.AppendLine().Append("most to gain: ").AppendJoin(", ", gaining.Select(label =>
                string.Create(CultureInfo.InvariantCulture, $"{label.Label} ({label.Now:0.###} -> {label.Twice.Expected:0.###})")));
        }
        return text.ToString();
    }
}

/// <summary>How a metric is an error that falls towards 0: 1 minus a score of at most 1, 100 minus one of at most 100, or a loss as it is.</summary>
/// <param name="Top">The best score; 0: less is better, and the metric is the error.</param>
internal readonly record struct ErrorScale(double Top)
{
    /// <summary>The scale of a metric that had some values. Null: it has no error.</summary>
    public static ErrorScale? Of(MetricDirection direction, IEnumerable<double> values)
    {
        double[] all = [.. values];
        if (all.Any(value => !double.IsFinite(value))) return null;
        if (direction == MetricDirection.Lower) return all.Min() >= 0 ? new(0) : null;
        return direction == MetricDirection.Neither || all.Max() > 100 ? null : new(all.Max() <= 1 ? 1 : 100);
    }

    public double Error(double score) => Top == 0 ? score : Top - score;

    public double Score(double error) => Top == 0 ? error : Top - error;

    public double Points(double from, double to) => Top == 0 ? from - to : (to - from) * 100 / Top;

    /// <summary>
    /// The standard deviation of one measured error: over the evaluation rows where it is a share of them, and over runs, which differ the more the fewer rows
    /// they learn from.
    /// </summary>
    /// <param name="rows">Training rows.</param>
    /// <param name="error">The error, 0 or more.</param>
    /// <param name="evaluated">Evaluation rows.</param>
    /// <param name="noise">How many times as far as is usual runs differ.</param>
    public double Deviation(double rows, double error, double evaluated, double noise = 1)
    {
        double overRuns = noise * error * (0.02 + (0.3 / Math.Sqrt(Math.Max(1, rows))));
        if (Top == 0) return Math.Max(1e-9, overRuns);
        double share = Math.Clamp(error / Top, 0.5 / (evaluated + 1), 1 - (0.5 / (evaluated + 1)));
        // The same rows are evaluated at every stage: most of what their choice does is alike in all.
        return Math.Sqrt((overRuns * overRuns) + (0.25 * Top * Top * share * (1 - share) / evaluated));
    }
}

/// <summary>Scores at rising numbers of rows.</summary>
/// <param name="Metric">The metric.</param>
/// <param name="Scale">How it is an error.</param>
/// <param name="Points">Two or more, with rising rows.</param>
/// <param name="Evaluated">How many rows each score is over.</param>
/// <param name="Share">Of the rows, the share that the score depends on most: a label's own.</param>
internal sealed record StageCurve(string Metric, ErrorScale Scale, IReadOnlyList<(long Rows, double Score)> Points, double Evaluated, double Share = 1)
{
    public ErrorForecast Forecast() => ErrorForecast.Of(
        [.. Points.Select(point => ((double)point.Rows, Scale.Error(point.Score)))],
        (rows, error, noise) => Scale.Deviation(rows * Share, error, Evaluated, noise));
}
