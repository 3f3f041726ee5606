using FineTuning.Batching;
using FineTuning.Metrics;
using FineTuning.Models;
using FineTuning.Tasks;
using FineTuning.Training;

namespace FineTuning.Strategies;

/// <summary>One run over several tasks: encodes the data of each, trains each alone where that is asked for, then all together.</summary>
internal sealed record MultiTaskRun(
    Trunk Trunk, IReadOnlyList<TaskEntry> Tasks, MultiTaskTraining Training, TrainingOptions Options, RunObserver Observer, bool Compares)
{
    public MultiTaskResult Train(CancellationToken cancellation)
    {
        using var model = new MultiTaskModel(Trunk, Tasks, Training.Balancing);
        return Run(model).Run(taken => Learn(model, taken), cancellation);
    }

    public async Task<MultiTaskResult> TrainAsync(CancellationToken cancellation)
    {
        using var model = new MultiTaskModel(Trunk, Tasks, Training.Balancing);
        return await Run(model).Start(taken => Learn(model, taken), cancellation).ConfigureAwait(false);
    }

    private TrainingRun Run(MultiTaskModel model) => new(model, Options, Observer, read =>
    {
        model.Train = [.. Tasks.Select(task => task.Train(read))];
        model.Validation = [.. Tasks.Select(task => task.Validate(read))];
        return (Join(model.Train, Plan)!, Join(model.Validation, null));
    });

    private MultiTaskResult Learn(MultiTaskModel model, TakenRun taken)
    {
        model.Shapes = [.. Tasks.Select((task, i) => model.Validation[i] is { } rows ? Evaluator.Shape(task.Model, rows) : null)];
        MetricReport?[] alone = Compares ? TrainAlone(model, taken) : new MetricReport?[Tasks.Count];
        TrainingResult result = Run(model).Learn(taken);
        return new(result, [.. Tasks.Select((task, i) => new TaskResult(task.Name, task.Model.PrimaryMetric, Measure(model, i), alone[i]))]);
    }

    // Each from the same weights, which are put back.
    private MetricReport?[] TrainAlone(MultiTaskModel model, TakenRun taken)
    {
        using var start = new BestWeights([.. model.Weights.Where(weight => weight.CanTrain)]);
        start.Keep();
        var reports = new MetricReport?[Tasks.Count];
        double rows = taken.Train.Rows.Count;
        for (int i = 0; i < reports.Length; i++)
        {
            if (model.Validation[i] is null) continue;
            TrainingOptions recipe = Options.WithoutWatchers() with
            {
                Accumulation = Training.Balancing.NeedsAllTasks ? Options.Accumulation / Tasks.Count : Options.Accumulation,
                Steps = Options.Steps is { } steps ? Math.Max(1, (long)Math.Round(steps * model.Train[i].Rows.Count / rows)) : null,
                Metric = null,
            };
            recipe = recipe with { Features = [.. recipe.Features.Where(feature => feature is not MultiTaskTraining)] };
            var observer = new RunObserver { Logger = Observer.Logger };
            new TrainingLoop(Tasks[i].Model, model.Train[i], model.Validation[i], recipe, observer, taken.Stop, taken.Clock).Run();
            reports[i] = Measure(model, i);
            start.Restore();
        }
        return reports;
    }

    private IEpochPlan Plan(IReadOnlyList<RowSet> sets, BatchRules rules) =>
        new TaskEpochPlan([.. sets.Select(set => set.Lengths)], rules, Training.Sampling, Options.Epochs ?? 3, Training.Balancing.NeedsAllTasks);

    private RowSet? Join(RowSet?[] sets, Func<IReadOnlyList<RowSet>, BatchRules, IEpochPlan>? plan)
    {
        int[] present = [.. Enumerable.Range(0, sets.Length).Where(i => sets[i] is not null)];
        if (present.Length == 0) return null;
        RowSet[] joined = [.. present.Select(i => sets[i]!)];
        EncodingSummary report = EncodingSummary.Join([.. present.Select(i => (Tasks[i].Name, sets[i]!.Report))]);
        return RowSet.Join(joined, (index, row) => new TaskRow(present[index], Tasks[present[index]].Name, row), report,
            plan is null ? null : rules => plan(joined, rules));
    }

    private MetricReport? Measure(MultiTaskModel model, int task) => model.Validation[task] is not { } rows ? null
        : Evaluator.Evaluate(Tasks[task].Model, rows, new EvaluationWatch(CancellationToken.None));
}
