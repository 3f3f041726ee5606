using System.Globalization;
using System.Net;
using System.Text;
using FineTuning.Heads;
using FineTuning.Training;

namespace FineTuning.Strategies;

/// <summary>A recipe that was tried.</summary>
/// <remarks>Immutable.</remarks>
public sealed class SearchTrial
{
    internal SearchTrial(SearchCandidate candidate, double share, IReadOnlyList<SearchEntry> runs)
    {
        (Number, Values, Recipe, Share) = (candidate.Number, candidate.Values, candidate.Options, share);
        Scores = [.. runs.Select(run => run.Score ?? double.NaN)];
        Problem = runs.FirstOrDefault(run => run.Problem is not null)?.Problem;
        Mean = Scores.Count == 0 ? double.NaN : Scores.Average();
        Spread = Scores.Count < 2 ? 0 : Math.Sqrt(Scores.Sum(score => (score - Mean) * (score - Mean)) / (Scores.Count - 1));
        Seconds = runs.Sum(run => run.Seconds);
    }

    /// <summary>Its number in the search, from 1.</summary>
    public int Number { get; }

    /// <summary>What was chosen, by name.</summary>
    public IReadOnlyList<KeyValuePair<string, string>> Values { get; }

    /// <summary>The whole recipe.</summary>
    public TrainingOptions Recipe { get; }

    /// <summary>The share of a full run that its longest runs had, from above 0 to 1.</summary>
    public double Share { get; }

    /// <summary>The metric of each of those runs, by seed and fold; NaN where one failed.</summary>
    public IReadOnlyList<double> Scores { get; }

    /// <summary>Their mean; NaN where one failed.</summary>
    public double Mean { get; }

    /// <summary>Their standard deviation; 0 with one.</summary>
    public double Spread { get; }

    /// <summary>What those runs took.</summary>
    public double Seconds { get; }

    /// <summary>Why a run failed. Null: none did.</summary>
    public string? Problem { get; }

    /// <inheritdoc/>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture,
        $"{Number}: {Mean:0.####}{(Spread > 0 ? $" ± {Spread:0.####}" : "")}{(Share < 1 ? $" at {Share:P0} of a run" : "")} "
        + $"({string.Join(", ", Values.Select(pair => $"{pair.Key} {pair.Value}"))}){(Problem is null ? "" : $"; {Problem}")}");
}

/// <summary>What a search found; the model has been tuned by the best recipe. A section of a training report.</summary>
/// <remarks>Immutable and thread-safe.</remarks>
public sealed class SearchResult : IReportSection
{
    internal SearchResult(IReadOnlyList<SearchTrial> trials, string metric, TrainingResult run, bool isComplete, TimeSpan elapsed) =>
        (Trials, Metric, Run, IsComplete, Elapsed) = (trials, metric, run, isComplete, elapsed);

    /// <summary>The recipes that were tried: those with the longest runs first, and of these the best first.</summary>
    public IReadOnlyList<SearchTrial> Trials { get; }

    /// <summary>The metric by which they were compared.</summary>
    public string Metric { get; }

    /// <summary>The best of them.</summary>
    public SearchTrial Best => Trials[0];

    /// <summary>Its recipe, with the seed of the run whose weights the model has.</summary>
    public TrainingOptions Recipe => Run.Options;

    /// <summary>The run whose weights the model has. With cross-validation it went over all data.</summary>
    public TrainingResult Run { get; }

    /// <summary>Whether all recipes were tried; false where the time was up or the search was cancelled first.</summary>
    public bool IsComplete { get; }

    /// <summary>The time of the whole search.</summary>
    public TimeSpan Elapsed { get; }

    /// <inheritdoc/>
    public string Title => "Search";

    /// <inheritdoc/>
    public string ToFragment()
    {
        string Row(string tag, IEnumerable<string> cells) => $"<tr>{string.Concat(cells.Select(cell => $"<{tag}>{WebUtility.HtmlEncode(cell)}</{tag}>"))}</tr>";
        var html = new StringBuilder("<div class=\"wide\"><table>");
        html.Append(Row("th", ["recipe", Metric, "spread", "of a run", .. Best.Values.Select(pair => pair.Key), "seconds"]));
        foreach (SearchTrial trial in Trials)
        {
            html.Append(Row("td",
            [
                Number(trial.Number, "0"), Number(trial.Mean, "0.####"), Number(trial.Spread, "0.####"), Number(trial.Share, "0.##"),
                .. trial.Values.Select(pair => pair.Value), Number(trial.Seconds, "0.0"),
            ]));
        }
        return html.Append("</table></div>").ToString();
    }

    /// <inheritdoc/>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture,
        $"{Trials.Count} recipes{(IsComplete ? "" : ", not all that were planned,")} in {Elapsed.TotalSeconds:0.0} s by {Metric}\n")
        + string.Join('\n', Trials);

    private static string Number(double value, string format) => value.ToString(format, CultureInfo.InvariantCulture);
}
