using System.Globalization;
using FineTuning.Batching;
using FineTuning.Errors;
using FineTuning.Examples;
using FineTuning.Metrics;
using FineTuning.Tasks;
using FineTuning.Training;

namespace FineTuning.Strategies;

/// <summary>One call over all stages: takes the weights once, and trains and forecasts stage by stage.</summary>
/// <param name="Model">Tuned in place.</param>
/// <param name="Recipe">Of each stage.</param>
/// <param name="Observer">Told what happens.</param>
/// <param name="Validation">What stages are compared on.</param>
/// <param name="Options">Valid.</param>
/// <param name="Stratum">The stratum of an example. Null: what the example says.</param>
/// <param name="Old">What the model has learned from before, of which some is replayed. Null: nothing is.</param>
/// <param name="Replay">The share of the rows of a stage that are old ones.</param>
internal sealed record IncrementalRun<TExample>(TunableModel<TExample> Model, TrainingOptions Recipe, RunObserver Observer, IEnumerable<TExample>? Validation,
    IncrementalOptions Options, Func<TExample, string?>? Stratum, IEnumerable<TExample>? Old, double Replay)
{
    private const int StagesForARule = 3;

    public IncrementalResult Train(IEnumerable<TExample> data, CancellationToken cancellation)
    {
        var read = new Data();
        return Run(data, read).Run(taken => Learn(read, taken), cancellation);
    }

    public Task<IncrementalResult> TrainAsync(IEnumerable<TExample> data, CancellationToken cancellation)
    {
        var read = new Data();
        return Run(data, read).Start(taken => Learn(read, taken), cancellation);
    }

    private TrainingRun Run(IEnumerable<TExample> data, Data read) => new(Model, Recipe, Observer, reader =>
    {
        (read.Reader, read.All, read.Old) = (reader, [.. data], [.. Old ?? []]);
        if (Options.Stages is { } stages && stages[^1] > read.All.Length)
            throw new InvalidOptionsException([$"the last stage has {stages[^1]} rows, the training data holds {read.All.Length}: a stage is at most that"]);
        // What is wrong with a record is said now, not in a later stage.
        RowSet train = reader.Train(Model, read.All);
        if (Old is not null) reader.Train(Model, read.Old, "data that is replayed");
        return (train, reader.Validate(Model, Validation));
    });

    private IncrementalResult Learn(Data read, TakenRun taken)
    {
        int[] order = NestedParts.Order([.. read.All.Select(StratumOf)], Recipe.Seed);
        int[] old = NestedParts.Order([.. read.Old.Select(StratumOf)], Recipe.Seed + 1);
        int[] sizes = Options.Stages is { } stages ? [.. stages] : NestedParts.Sizes(read.All.Length, Options.Growth, Options.FirstRows);
        long before = Options.Earlier.Count > 0 ? Options.Earlier[^1].Rows : 0;
        var done = new List<StageResult>();
        using var weights = new StageWeights(Model.Weights, Options, Recipe.Seed);
        for (int stage = 0; stage < sizes.Length; stage++)
        {
            weights.Begin(stage);
            TrainingResult run = TrainStage(read, taken, stage, [.. order.Take(sizes[stage]).Order()], old, weights);
            long rows = before + sizes[stage];
            if (run.Best is null)
            {
                done.Add(new(rows, run, double.NaN, null));
                return new(done, "the run ended before the stage was measured", read.All.Length);
            }
            LearningForecast? forecast = Forecast(done, rows, run);
            done.Add(new(rows, run, run.Best.Metrics[run.Metric], forecast));
            if (stage == sizes.Length - 1) break;
            string? stopped = Ended(run, taken) is { } reason ? $"the stages ended at {rows:N0} rows: {reason}"
                : DoesNotPay(forecast, done.Count + Options.Earlier.Count, before + sizes[stage + 1]);
            if (stopped is not null) return new(done, stopped, read.All.Length);
        }
        return new(done, null, read.All.Length);
    }

    // Also where the time was up, or the caller cancelled, between two stages.
    private static StopReason? Ended(TrainingResult run, TakenRun taken) => taken.Stop.IsCancellationRequested ? StopReason.Cancelled
        : taken.Clock.IsUp() ? StopReason.TimeLimit : run.StopReason is StopReason.Cancelled or StopReason.TimeLimit ? run.StopReason : null;

    private TrainingResult TrainStage(Data read, TakenRun taken, int stage, int[] part, int[] old, StageWeights weights)
    {
        int replayed = Math.Min(old.Length, (int)Math.Ceiling(part.Length * Replay / (1 - Replay)));
        TExample[] examples = [.. part.Select(index => read.All[index]), .. old.Take(replayed).Order().Select(index => read.Old[index])];
        TunableModel<TExample> model = AugmentedModel<TExample>.Of(Model, Recipe);
        RowSet rows = read.Reader!.Train(model, examples, $"training data of stage {stage + 1}");
        model.Precompute(rows.Rows, taken.Stop);
        TrainingOptions recipe = weights.RecipeOf(stage, Recipe);
        return new TrainingLoop(model, rows, taken.Validation, recipe, Observer, taken.Stop, taken.Clock).Run();
    }

    private LearningForecast? Forecast(List<StageResult> done, long rows, TrainingResult run)
    {
        MetricReport metrics = run.Best!.Metrics;
        (long Rows, double Score)[] points =
            [.. Options.Earlier.Select(stage => (stage.Rows, stage.Score)), .. done.Select(stage => (stage.Rows, stage.Score)), (rows, metrics[run.Metric])];
        if (points.Length < 2 || ErrorScale.Of(metrics.Find(run.Metric)!.Direction, points.Select(point => point.Score)) is not { } scale) return null;
        return new(new StageCurve(run.Metric, scale, points, run.ValidationRows), Classes(done, rows, metrics), Options);
    }

    // Of labels that every stage of this call has scores of.
    private static ClassForecast[] Classes(List<StageResult> done, long rows, MetricReport last)
    {
        MetricReport[] reports = [.. done.Select(stage => stage.Run.Best!.Metrics), last];
        long[] counts = [.. done.Select(stage => stage.Rows), rows];
        double all = last.Classes.Sum(label => label.Support);
        if (reports.Length < 2 || all <= 0) return [];
        var forecasts = new List<ClassForecast>();
        foreach (ClassScores label in last.Classes.Where(label => label.Support > 0))
        {
            ClassScores?[] own = [.. reports.Select(report => report.Classes.FirstOrDefault(other => other.Label == label.Label))];
            if (own.Contains(null)) continue;
            (long, double)[] points = [.. counts.Zip(own, (count, scores) => (count, scores!.F1))];
            ErrorForecast errors = new StageCurve("F1", new ErrorScale(1), points, label.Support, label.Support / all).Forecast();
            ForecastPoint At(long more) => new(more, 1 - errors.Quantile(more, 0.5), 1 - errors.Quantile(more, 0.9), 1 - errors.Quantile(more, 0.1));
            forecasts.Add(new(label.Label, label.F1, At(2 * rows), At(5 * rows)));
        }
        return [.. forecasts.OrderByDescending(label => label.Twice.Expected - label.Now).ThenBy(label => label.Label, StringComparer.Ordinal)];
    }

    private string? DoesNotPay(LearningForecast? forecast, int stages, long next)
    {
        if (Options.MinimalGain is not { } least || forecast is null || stages < StagesForARule) return null;
        ForecastPoint point = forecast.At(next);
        // With a probability of 90 % it gains less than that.
        double gain = forecast.Gain(point.High);
        return gain >= least ? null : string.Create(CultureInfo.InvariantCulture, $"the stages ended at {forecast.Now.Rows:N0} rows: {next:N0} are expected to "
            + $"gain less than {least} (at most {Math.Max(0, gain):0.#####} with 90 %)");
    }

    private string? StratumOf(TExample example) => Stratum is not null ? Stratum(example) : (example as IStratifiedExample)?.Stratum;

    /// <summary>What was read.</summary>
    private sealed class Data
    {
        public RunData? Reader { get; set; }

        public TExample[] All { get; set; } = [];

        public TExample[] Old { get; set; } = [];
    }
}
