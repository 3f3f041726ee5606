using System.Globalization;
using System.Text;
using FineTuning.Errors;
using FineTuning.Heads;
using FineTuning.Metrics;
using FineTuning.Tasks;

namespace FineTuning.Training;

/// <summary>What a run gave: numbers only, nothing native. The model was tuned in place.</summary>
/// <remarks>Immutable and thread-safe.</remarks>
public sealed class TrainingResult
{
    internal TrainingResult()
    {
    }

    /// <summary>Why the run ended.</summary>
    public required StopReason StopReason { get; init; }

    /// <summary>Optimizer steps done.</summary>
    public required long Steps { get; init; }

    /// <summary>Epochs done, as a fraction.</summary>
    public required double Epochs { get; init; }

    /// <summary>The optimizer steps: all of a run of up to 4,095, else the first, the last and some thousands between them at equal distances.</summary>
    public required IReadOnlyList<StepRecord> History { get; init; }

    /// <summary>The smoothed loss at each entry of the history, taken over all steps.</summary>
    internal IReadOnlyList<double> SmoothedLoss { get; init; } = [];

    /// <summary>Every evaluation of the validation data, confusion matrices with the best and the last alone; empty without any.</summary>
    public required IReadOnlyList<EvaluationRecord> Evaluations { get; init; }

    /// <summary>The evaluation whose weights the model has now; null without validation data.</summary>
    public required EvaluationRecord? Best { get; init; }

    /// <summary>The metric by which weights were compared.</summary>
    public required string Metric { get; init; }

    /// <summary>What happened to the training examples while they became tokens.</summary>
    public required EncodingSummary TrainingData { get; init; }

    /// <summary>What happened to the validation examples; null without any.</summary>
    public required EncodingSummary? ValidationData { get; init; }

    /// <summary>Training rows.</summary>
    public required int TrainingRows { get; init; }

    /// <summary>Validation rows.</summary>
    public required int ValidationRows { get; init; }

    /// <summary>Weights that trained at the end, and all there are, counted as numbers.</summary>
    public required (long Trainable, long Total) Parameters { get; init; }

    /// <summary>The time of the whole run.</summary>
    public required TimeSpan Elapsed { get; init; }

    /// <summary>The time in training steps alone.</summary>
    public required TimeSpan TrainingTime { get; init; }

    /// <summary>Real tokens trained on, padding not counted.</summary>
    public required long Tokens { get; init; }

    /// <summary>Of all tokens computed, the share that was padding, from 0 to 1.</summary>
    public required double PaddingShare { get; init; }

    /// <summary>The largest resident memory of the process so far, in bytes.</summary>
    public required long PeakMemory { get; init; }

    /// <summary>The recipe.</summary>
    public required TrainingOptions Options { get; init; }

    /// <summary>What the user should know: truncated texts, skipped examples, weights without gradient.</summary>
    public required IReadOnlyList<string> Warnings { get; init; }

    /// <summary>What became of hidden states of layers that did not train: one entry for each set of such layers; empty where all trained.</summary>
    public IReadOnlyList<FrozenStateUse> FrozenStates { get; init; } = [];

    /// <summary>The sign that the run learned its rows by heart, which is in <see cref="Warnings"/>, too, with what to try. Null: there is none.</summary>
    public Overfitting? Overfitting { get; init; }

    /// <summary>The folder of the newest checkpoint of the run; null: none was written.</summary>
    public string? Checkpoint { get; init; }

    /// <summary>The metrics of <see cref="Best"/>; null without validation data.</summary>
    public MetricReport? Metrics => Best?.Metrics;

    /// <summary>The mean loss of the last step; NaN where there was none.</summary>
    public double FinalLoss => History.Count == 0 ? double.NaN : History[^1].Loss;

    /// <summary>Real tokens a second of training.</summary>
    public double TokensPerSecond => TrainingTime > TimeSpan.Zero ? Tokens / TrainingTime.TotalSeconds : 0;

    /// <summary>Writes one self-contained page: curves of loss, metrics and learning rate, the confusion matrix, the settings.</summary>
    /// <param name="path">The file; its folder must exist.</param>
    /// <exception cref="IOException">The file cannot be written.</exception>
    public void SaveReport(string path) => SaveReport(path, []);

    /// <summary>Writes the page with your own sections at its end, for example explanations of single texts.</summary>
    /// <param name="path">The file; its folder must exist.</param>
    /// <param name="sections">In their order; what they give is HTML and is taken as it is.</param>
    /// <exception cref="IOException">The file cannot be written.</exception>
    public void SaveReport(string path, IEnumerable<IReportSection> sections)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(path);
        ArgumentNullException.ThrowIfNull(sections);
        IReportSection[] own = [.. sections];
        NullMembers.RequireEntries(own, nameof(sections));
        File.WriteAllText(path, Reports.HtmlReport.Of(this, own));
    }

    /// <summary>A summary of a few lines.</summary>
    public override string ToString()
    {
        var text = new StringBuilder();
        text.AppendLine(CultureInfo.InvariantCulture,
            $"{StopReason} after {Steps} steps ({Epochs:0.##} epochs) in {Elapsed.TotalSeconds:0.0} s; loss {FinalLoss:0.####}");
        if (Best is not null)
            text.AppendLine(CultureInfo.InvariantCulture, $"best {Metric} {Best.Metrics[Metric]:0.####} at step {Best.Step} (epoch {Best.Epoch:0.##})");
        text.AppendLine(CultureInfo.InvariantCulture, $"{Parameters.Trainable:N0} of {Parameters.Total:N0} parameters trained on {TrainingRows:N0} rows");
        text.Append(CultureInfo.InvariantCulture, $"{TokensPerSecond:N0} tokens/s, {PaddingShare:P1} padding, peak memory {PeakMemory / 1048576.0:N0} MB");
        foreach (FrozenStateUse kept in FrozenStates) text.AppendLine().Append(kept);
        foreach (string warning in Warnings) text.AppendLine().Append("note: ").Append(warning);
        return text.ToString();
    }
}
