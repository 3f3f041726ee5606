using System.Globalization;
using System.Text;
using FineTuning.Metrics;
using FineTuning.Training;

namespace FineTuning.Strategies;

/// <summary>What a run gave that watched over what was learned before it: what was gained, what was forgotten, and what lies between.</summary>
/// <remarks>Immutable and thread-safe: numbers only.</remarks>
public sealed class ContinuedResult
{
    internal ContinuedResult(TrainingResult run, KeptScore gained, IReadOnlyList<KeptScore> kept, IReadOnlyList<BetweenPoint> curve, BetweenPoint? recommended,
        bool isAtRecommended) =>
        (Run, Gained, Kept, Curve, Recommended, IsAtRecommended) = (run, gained, kept, curve, recommended, isAtRecommended);

    /// <summary>The run.</summary>
    public TrainingResult Run { get; }

    /// <summary>The validation data of the new task, before and after the run.</summary>
    public KeptScore Gained { get; }

    /// <summary>Each old task before and after the run, in the order in which they were named.</summary>
    public IReadOnlyList<KeptScore> Kept { get; }

    /// <summary>The scores along the straight line from the old weights to the new ones, the old end first. Empty where the run was cancelled.</summary>
    public IReadOnlyList<BetweenPoint> Curve { get; }

    /// <summary>
    /// Of the points that keep most of the gain, the one that forgets least: see <see cref="ContinuedTuner{TExample}.AtRecommendedPoint"/>.
    /// Null where there is no curve.
    /// </summary>
    public BetweenPoint? Recommended { get; }

    /// <summary>Whether the model has the recommended weights now; false: those of the run.</summary>
    public bool IsAtRecommended { get; }

    /// <summary>An old task by its name.</summary>
    /// <param name="name">As it was given.</param>
    /// <exception cref="KeyNotFoundException">There is no such task; the message lists those there are.</exception>
    public KeptScore this[string name]
    {
        get
        {
            ArgumentNullException.ThrowIfNull(name);
            return Kept.FirstOrDefault(task => task.Name == name)
                ?? throw new KeyNotFoundException($"there is no kept task '{name}'; there are {string.Join(", ", Kept.Select(task => task.Name))}");
        }
    }

    /// <summary>Writes the run's page with what was forgotten and the curve between old and new at its end.</summary>
    /// <param name="path">The file; its folder must exist.</param>
    /// <exception cref="IOException">The file cannot be written.</exception>
    public void SaveReport(string path) => Run.SaveReport(path, [new ContinuedSection(this)]);

    /// <summary>The run in a few lines, then what was gained, what was forgotten and the recommended point.</summary>
    public override string ToString()
    {
        var text = new StringBuilder(Run.ToString());
        text.AppendLine().Append("gained: ").Append(Gained);
        foreach (KeptScore task in Kept) text.AppendLine().Append(task.Forgotten > 0 ? "forgotten: " : "kept: ").Append(task);
        if (Recommended is { } point && point.Share < 1)
        {
            string now = IsAtRecommended ? "the model has these weights" : "AtRecommendedPoint() takes them";
            text.AppendLine().Append(CultureInfo.InvariantCulture, $"recommended: {point} ({now})");
        }
        return text.ToString();
    }
}

/// <summary>A task's main metric before and after a run.</summary>
/// <remarks>Immutable and thread-safe.</remarks>
public sealed class KeptScore
{
    internal KeptScore(string name, string metric, MetricReport before, MetricReport after) => (Name, Metric, Before, After) = (name, metric, before, after);

    /// <summary>Its name.</summary>
    public string Name { get; }

    /// <summary>The metric by which it is compared.</summary>
    public string Metric { get; }

    /// <summary>All its metrics with the weights that the run began with.</summary>
    public MetricReport Before { get; }

    /// <summary>All its metrics with the weights that the run ended with.</summary>
    public MetricReport After { get; }

    /// <summary>By how much the metric became worse, in its own unit; negative where it became better.</summary>
    public double Forgotten => Worse(Metric, Before, After);

    /// <summary>Name, metric, before and after.</summary>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Name}: {Metric} {Before[Metric]:0.####} -> {After[Metric]:0.####}");

    internal static double Worse(string metric, MetricReport before, MetricReport after) =>
        before.Find(metric)!.Direction == MetricDirection.Lower ? after[metric] - before[metric] : before[metric] - after[metric];
}

/// <summary>Scores at a point of the line from the old weights to the new ones.</summary>
/// <param name="Share">0: the old weights; 1: the new ones.</param>
/// <param name="New">The new task's metric on its validation data.</param>
/// <param name="Kept">The old tasks' metrics, in their order.</param>
public sealed record BetweenPoint(double Share, double New, IReadOnlyList<double> Kept)
{
    /// <summary>The old tasks' metrics, in their order.</summary>
    public IReadOnlyList<double> Kept { get; init => field = value ?? throw new ArgumentNullException(nameof(Kept)); } =
        Kept ?? throw new ArgumentNullException(nameof(Kept));

    /// <inheritdoc/>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture,
        $"{Share:0.##} of the way, new {New:0.####}, old {string.Join(", ", Kept.Select(value => value.ToString("0.####", CultureInfo.InvariantCulture)))}");
}
