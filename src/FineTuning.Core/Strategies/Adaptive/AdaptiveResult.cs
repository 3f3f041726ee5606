using System.Globalization;
using System.Net;
using System.Text;
using FineTuning.Heads;
using FineTuning.Training;
using FineTuning.Training.Reports;

namespace FineTuning.Strategies;

/// <summary>What adaptive tuning measured, chose and reached, and why. A section of a training report.</summary>
/// <remarks>Immutable and thread-safe: numbers only. The model has the weights of <see cref="Run"/>, and an adapter where one was chosen.</remarks>
public sealed class AdaptiveResult : IReportSection
{
    internal AdaptiveResult(
        AdaptiveMeasurements measured, IReadOnlyList<string> reasons, TrainingOptions chosen, IReadOnlyList<AdaptiveTrial> trials, AdaptiveTrial kept) =>
        (Measured, Reasons, Chosen, Trials, Kept) = (measured, reasons, chosen, trials, kept);

    /// <summary>What was measured first.</summary>
    public AdaptiveMeasurements Measured { get; }

    /// <summary>Why the recipe is what it is, what was revised and what became of the comparison: a sentence each, with numbers.</summary>
    public IReadOnlyList<string> Reasons { get; }

    /// <summary>The recipe that the measurements led to.</summary>
    public TrainingOptions Chosen { get; }

    /// <summary>The runs, in their order.</summary>
    public IReadOnlyList<AdaptiveTrial> Trials { get; }

    /// <summary>The run whose weights the model has.</summary>
    public AdaptiveTrial Kept { get; }

    /// <summary>Its result.</summary>
    public TrainingResult Run => Kept.Run;

    /// <summary>Its recipe.</summary>
    public TrainingOptions Recipe => Kept.Run.Options;

    /// <summary>The compute of the whole call, in rows; see <see cref="AdaptiveBudget"/>.</summary>
    public double Cost => Measured.Cost + Trials.Sum(trial => trial.Cost);

    /// <summary>The time of the whole call.</summary>
    public TimeSpan Elapsed { get; internal init; }

    /// <summary>Writes the page of <see cref="Run"/> with measurements and reasons at its end.</summary>
    /// <param name="path">The file; its folder must exist.</param>
    /// <exception cref="IOException">The file cannot be written.</exception>
    public void SaveReport(string path) => Run.SaveReport(path, [this]);

    /// <inheritdoc/>
    public string Title => "Adaptive tuning";

    /// <inheritdoc/>
    public string ToFragment()
    {
        var html = new StringBuilder("<ul>");
        foreach (string reason in Reasons.Concat(Measured.LeftOut)) html.Append("<li>").Append(Encode(reason)).Append("</li>");
        html.Append("</ul><table><tr><th>run</th><th>").Append(Encode(Run.Metric)).Append("</th><th>epochs</th><th>rows</th><th>seconds</th></tr>");
        foreach (AdaptiveTrial trial in Trials)
        {
            html.Append(CultureInfo.InvariantCulture, $"<tr><td>{Encode(trial.Name)}</td><td>{trial.Score:0.####}</td><td>{trial.Run.Epochs:0.##}</td>")
                .Append(CultureInfo.InvariantCulture, $"<td>{trial.Cost:0}</td><td>{trial.Run.Elapsed.TotalSeconds:0.0}</td></tr>");
        }
        html.Append("</table>");
        if (Measured.Probes.Count > 0)
        {
            (double, double)[] points = [.. Measured.Probes.Select(probe => ((double)probe.Layer, probe.Accuracy))];
            html.Append(SvgChart.Of([new("accuracy of a linear probe", points, Marked: true)], "layer"));
        }
        return Measured.Rates is { } rates ? html.Append(rates.ToFragment()).ToString() : html.ToString();
    }

    /// <summary>What was kept, what it cost, and why: a line each.</summary>
    public override string ToString()
    {
        var text = new StringBuilder();
        text.Append(CultureInfo.InvariantCulture, $"{Run.Metric} {Kept.Score:0.####} by {Kept.Name}; {Cost:0} rows, of which measuring {Measured.Cost:0}, ")
            .Append(CultureInfo.InvariantCulture, $"in {Elapsed.TotalSeconds:0.0} s");
        foreach (string reason in Reasons.Concat(Measured.LeftOut)) text.AppendLine().Append(reason);
        return text.ToString();
    }

    private static string Encode(string text) => WebUtility.HtmlEncode(text);
}

/// <summary>A run of adaptive tuning.</summary>
/// <remarks>Immutable and thread-safe.</remarks>
public sealed class AdaptiveTrial
{
    internal AdaptiveTrial(string name, TrainingResult run, double cost) => (Name, Run, Cost) = (name, run, cost);

    /// <summary>Which recipe it had, and whether it was a short run.</summary>
    public string Name { get; }

    /// <summary>The run.</summary>
    public TrainingResult Run { get; }

    /// <summary>Its compute in rows; see <see cref="AdaptiveBudget"/>.</summary>
    public double Cost { get; }

    /// <summary>The metric on the validation data at its best weights; NaN where the run ended before it was evaluated.</summary>
    public double Score => Run.Best?.Metrics[Run.Metric] ?? double.NaN;

    /// <summary>Name, score and cost in one line.</summary>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Name}: {Run.Metric} {Score:0.####} for {Cost:0} rows");
}
