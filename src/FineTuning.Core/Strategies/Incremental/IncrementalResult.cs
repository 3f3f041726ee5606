using System.Globalization;
using System.Text;
using FineTuning.Training;

namespace FineTuning.Strategies;

/// <summary>What tuning on growing parts gave: a run for each stage, and what more data would bring.</summary>
/// <remarks>Immutable and thread-safe: numbers only. The model has the weights of the last stage.</remarks>
public sealed class IncrementalResult
{
    internal IncrementalResult(IReadOnlyList<StageResult> stages, string? stopped, int rows) => (Stages, Stopped, Rows) = (stages, stopped, rows);

    /// <summary>The stages that were run, the smallest first.</summary>
    public IReadOnlyList<StageResult> Stages { get; }

    /// <summary>Why stages were left out. Null: none was.</summary>
    public string? Stopped { get; }

    /// <summary>All rows there are, whether a stage has seen them or not.</summary>
    public int Rows { get; }

    /// <summary>The last stage.</summary>
    public StageResult Last => Stages[^1];

    /// <summary>What more data would bring, after the last stage. Null: fewer than two stages are known, or the metric has no error to forecast.</summary>
    public LearningForecast? Forecast => Last.Forecast;

    /// <summary>Rows and score of each stage: <see cref="IncrementalOptions.Earlier"/> of a later run on the saved model.</summary>
    public IReadOnlyList<StageScore> Scores => [.. Stages.Select(stage => new StageScore(stage.Rows, stage.Score))];

    /// <summary>Writes the last stage's page with the stages, the curve and the forecast at its end.</summary>
    /// <param name="path">The file; its folder must exist.</param>
    /// <exception cref="IOException">The file cannot be written.</exception>
    public void SaveReport(string path) => Last.Run.SaveReport(path, [new IncrementalSection(this)]);

    /// <summary>A line for each stage, why stages were left out, and whether to label more.</summary>
    public override string ToString()
    {
        var text = new StringBuilder();
        foreach (StageResult stage in Stages) text.AppendLine(stage.ToString());
        if (Stopped is not null) text.AppendLine(Stopped);
        return (Forecast is null ? text.Append("no forecast: it takes two stages") : text.Append(Forecast)).ToString();
    }
}

/// <summary>One stage.</summary>
/// <remarks>Immutable and thread-safe.</remarks>
public sealed class StageResult
{
    internal StageResult(long rows, TrainingResult run, double score, LearningForecast? forecast) =>
        (Rows, Run, Score, Forecast) = (rows, run, score, forecast);

    /// <summary>Rows that the model has learned from, those of earlier runs included; replayed ones are not counted again.</summary>
    public long Rows { get; }

    /// <summary>Its run.</summary>
    public TrainingResult Run { get; }

    /// <summary>The metric on the validation data, at the best weights.</summary>
    public double Score { get; }

    /// <summary>What more data would bring, by this and the stages before. Null: it is the first that is known.</summary>
    public LearningForecast? Forecast { get; }

    /// <summary>Rows, score and time in one line.</summary>
    public override string ToString() =>
        string.Create(CultureInfo.InvariantCulture, $"{Rows:N0} rows: {Run.Metric} {Score:0.####} in {Run.Elapsed.TotalSeconds:0.0} s ({Run.Steps} steps)");
}
