using System.Diagnostics;
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
    private const string ThreadName = "FineTuning.Core run";

    public MultiTaskResult Train(CancellationToken cancellation)
    {
        MultiTaskModel model = new(Trunk, Tasks, Training.Balancing);
        RunPass pass = Register(model);
        return DedicatedThread.Run(ThreadName, () => Run(model, pass, cancellation));
    }

    public Task<MultiTaskResult> TrainAsync(CancellationToken cancellation)
    {
        MultiTaskModel model = new(Trunk, Tasks, Training.Balancing);
        RunPass pass = Register(model);
        return DedicatedThread.Start(ThreadName, () => Run(model, pass, cancellation));
    }

    private static RunPass Register(MultiTaskModel model)
    {
        try
        {
            return RunPass.Register(model.Weights);
        }
        catch
        {
            model.Weights.Free();
            throw;
        }
    }

    private MultiTaskResult Run(MultiTaskModel model, RunPass pass, CancellationToken cancellation)
    {
        using RunPass own = pass;
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellation, pass.Stop);
        try
        {
            var clock = Stopwatch.StartNew();
            bool IsTimeUp() => Options.TimeLimit is { } limit && clock.Elapsed >= limit;
            long encoded = 0;
            RowSet[] train = [.. Tasks.Select(task => Encode(task, ref encoded, IsTimeUp, stop.Token))];
            RowSet?[] validation = [.. Tasks.Select(task => task.Validate(IsTimeUp, stop.Token))];
            pass.Begin(model.Weights.Where(weight => weight.CanTrain && !Options.Frozen.Matches(weight, model.Weights.HeadDepth)), stop.Token);
            for (int i = 0; i < train.Length; i++) Tasks[i].Model.Precompute([.. train[i].Rows, .. validation[i]?.Rows ?? []], stop.Token);
            model.Shapes = [.. Tasks.Select((task, i) => validation[i] is { } rows ? Evaluator.Shape(task.Model, rows) : null)];
            MetricReport?[] alone = Compares ? TrainAlone(model, train, validation, clock, stop.Token) : new MetricReport?[Tasks.Count];
            TrainingResult result = new TrainingLoop(model, Join(train, true)!, Join(validation, false), Options, Observer, stop.Token, clock).Run();
            return new(result, [.. Tasks.Select((task, i) => new TaskResult(task.Name, task.Model.PrimaryMetric, Measure(task, validation[i]), alone[i]))]);
        }
        finally
        {
            model.Weights.Free();
        }
    }

    private RowSet Encode(TaskEntry task, ref long encoded, Func<bool> isTimeUp, CancellationToken cancellation)
    {
        long before = encoded, last = 0;
        RowSet rows = task.Train(
            count => Observer.Progress?.Invoke(new TrainingProgress { Phase = TrainingPhase.Encoding, ExamplesEncoded = before + (last = count) }),
            isTimeUp, cancellation);
        encoded += last;
        return rows;
    }

    // Each from the same weights, which are put back.
    private MetricReport?[] TrainAlone(MultiTaskModel model, RowSet[] train, RowSet?[] validation, Stopwatch clock, CancellationToken cancellation)
    {
        using var start = new BestWeights([.. model.Weights.Where(weight => weight.CanTrain)]);
        start.Keep();
        var reports = new MetricReport?[Tasks.Count];
        double rows = train.Sum(set => (double)set.Rows.Count);
        for (int i = 0; i < reports.Length; i++)
        {
            if (validation[i] is null) continue;
            TrainingOptions recipe = Options with
            {
                Features = [.. Options.Features.Where(feature => feature is not MultiTaskTraining)],
                Accumulation = Training.Balancing.NeedsAllTasks ? Options.Accumulation / Tasks.Count : Options.Accumulation,
                Steps = Options.Steps is { } steps ? Math.Max(1, (long)Math.Round(steps * train[i].Rows.Count / rows)) : null,
                Metric = null,
            };
            new TrainingLoop(Tasks[i].Model, train[i], validation[i], recipe, new RunObserver { Logger = Observer.Logger }, cancellation, clock).Run();
            reports[i] = Measure(Tasks[i], validation[i]);
            start.Restore();
        }
        return reports;
    }

    private RowSet? Join(RowSet?[] sets, bool isTraining)
    {
        int[] present = [.. Enumerable.Range(0, sets.Length).Where(i => sets[i] is not null)];
        if (present.Length == 0) return null;
        EncodingSummary report = EncodingSummary.Join([.. present.Select(i => (Tasks[i].Name, sets[i]!.Report))]);
        EpochPlan Plan(BatchRules rules) =>
            new TaskEpochPlan([.. sets.Select(set => set!.Lengths)], rules, Training.Sampling, Options.Epochs ?? 3, Training.Balancing.NeedsAllTasks);
        return RowSet.Join([.. present.Select(i => sets[i]!)], (index, row) => new TaskRow(present[index], Tasks[present[index]].Name, row), report,
            isTraining ? Plan : null);
    }

    private static MetricReport? Measure(TaskEntry task, RowSet? validation) =>
        validation is null ? null : Evaluator.Evaluate(task.Model, validation, new EvaluationWatch(CancellationToken.None));
}
