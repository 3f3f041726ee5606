using FineTuning.Batching;
using FineTuning.Metrics;
using FineTuning.Models;
using FineTuning.Tasks;
using FineTuning.Training;

namespace FineTuning.Strategies;

/// <summary>One run that watches over old tasks: measures them, trains, measures again, and walks the line between old and new weights.</summary>
/// <param name="Model">Learns.</param>
/// <param name="Kept">What is not to be forgotten.</param>
/// <param name="Protection">How it is protected.</param>
/// <param name="Options">Valid, the protection in it where there is one.</param>
/// <param name="Observer">Told what happens.</param>
/// <param name="ReadNew">Reads the new data.</param>
/// <param name="MovesToRecommended">Whether the model gets the recommended weights.</param>
internal sealed record ContinuedRun(TunableModel Model, IReadOnlyList<KeptTask> Kept, ContinuedTraining Protection, TrainingOptions Options,
    RunObserver Observer, Func<RunData, (RowSet Train, RowSet? Validation)> ReadNew, bool MovesToRecommended)
{
    private const int PointsBetween = 10;

    // Of the gain so much may be given up for what is not forgotten.
    private const double GivenUp = 0.05;

    public ContinuedResult Train(CancellationToken cancellation)
    {
        var rows = new KeptRows();
        using ContinuedModel? model = MakeModel();
        return Run(model, rows).Run(taken => Learn(model, rows, taken), cancellation);
    }

    public async Task<ContinuedResult> TrainAsync(CancellationToken cancellation)
    {
        var rows = new KeptRows();
        using ContinuedModel? model = MakeModel();
        return await Run(model, rows).Start(taken => Learn(model, rows, taken), cancellation).ConfigureAwait(false);
    }

    private ContinuedModel? MakeModel()
    {
        // An adapter is put on before the weights of several heads are joined: what it trains stands in the place of theirs.
        foreach (RunFeature feature in Options.Features) feature.Prepare(Model);
        return Protection.Protects ? new(Model, Kept, Protection, Options.Frozen) : null;
    }

    private TrainingRun Run(ContinuedModel? model, KeptRows rows) => new(model ?? Model, Options, Observer, read =>
    {
        (RowSet train, RowSet? validation) = ReadNew(read);
        rows.Measured = [.. Kept.Select(task => task.Measured(read))];
        rows.Validation = validation;
        if (model is null) return (train, validation);
        return (model.Join(train, [.. Kept.Select(task => Protection.NeedsLearned ? task.Learned(read) : null)]), validation);
    });

    private ContinuedResult Learn(ContinuedModel? model, KeptRows rows, TakenRun taken)
    {
        for (int i = 0; i < Kept.Count; i++) Kept[i].Model.Precompute(rows.Measured[i].Rows, taken.Stop);
        MetricReport[] before = [.. Kept.Select((task, i) => Measure(task.Model, rows.Measured[i], taken.Stop))];
        // Where the time was up before validation data was read, the run itself says so.
        MetricReport? start = rows.Validation is { } validation ? Measure(Model, validation, taken.Stop) : null;
        using var line = new WeightLine(Shared());
        TrainingResult result = new TrainingRun(model ?? Model, Options, Observer, null!).Learn(taken);
        MetricReport[] after = [.. Kept.Select((task, i) => Measure(task.Model, rows.Measured[i], CancellationToken.None))];
        MetricReport end = result.Metrics ?? start ?? new MetricReport([MetricValue.Lower(result.Metric, double.NaN)]);
        var gained = new KeptScore("new", result.Metric, start ?? end, end);
        KeptScore[] kept = [.. Kept.Select((task, i) => new KeptScore(task.Name, task.Model.PrimaryMetric, before[i], after[i]))];
        if (taken.Stop.IsCancellationRequested || rows.Validation is null) return new(result, gained, kept, [], null, false);
        line.End();
        return Walk(line, rows, result, gained, kept);
    }

    private ContinuedResult Walk(WeightLine line, KeptRows rows, TrainingResult result, KeptScore gained, KeptScore[] kept)
    {
        var curve = new List<BetweenPoint>();
        var reports = new List<MetricReport>();
        for (int step = 0; step <= PointsBetween; step++)
        {
            double share = step / (double)PointsBetween;
            bool isEnd = step == PointsBetween;
            line.MoveTo(share);
            MetricReport own = isEnd ? gained.After : Measure(Model, rows.Validation!, CancellationToken.None);
            double[] old = isEnd ? [.. kept.Select(task => task.After[task.Metric])]
                : step == 0 ? [.. kept.Select(task => task.Before[task.Metric])]
                : [.. kept.Select((task, i) => Measure(Kept[i].Model, rows.Measured[i], CancellationToken.None)[task.Metric])];
            reports.Add(own);
            curve.Add(new(share, own[gained.Metric], old));
        }
        int chosen = Recommend(curve, gained, kept);
        line.MoveTo(MovesToRecommended ? curve[chosen].Share : 1);
        if (MovesToRecommended) Model.Calibrate(reports[chosen]);
        return new(result, gained, kept, curve, curve[chosen], MovesToRecommended);
    }

    /// <summary>Of the points that keep 95 % of the gain, the one at which old tasks lost least, each by its own score; of equals the newest.</summary>
    internal static int Recommend(IReadOnlyList<BetweenPoint> curve, KeptScore gained, IReadOnlyList<KeptScore> kept)
    {
        double Sign(KeptScore task) => task.Before.Find(task.Metric)!.Direction == MetricDirection.Lower ? -1 : 1;
        double sign = Sign(gained), best = curve.Max(point => sign * point.New), least = best - (GivenUp * Math.Max(0, best - (sign * curve[0].New)));
        double Lost(BetweenPoint point) => kept.Select((task, i) =>
            Sign(task) * (curve[0].Kept[i] - point.Kept[i]) / Math.Max(1e-12, Math.Abs(curve[0].Kept[i]))).Average();
        return Enumerable.Range(0, curve.Count).Where(i => sign * curve[i].New >= least).OrderBy(i => Lost(curve[i])).ThenByDescending(i => i).First();
    }

    // What old and new have in common: the head that is new, and no old task's, stays as it was tuned.
    private Weight[] Shared()
    {
        HashSet<nint> own = [.. Model.Weights.Select(weight => weight.Value.Handle)];
        Weight[] all = [.. Kept.SelectMany(task => task.Model.Weights).DistinctBy(weight => weight.Value.Handle)];
        return [.. all.Where(weight => weight.CanTrain && (own.Contains(weight.Value.Handle) || Protection.Replays))];
    }

    private static MetricReport Measure(TunableModel model, RowSet rows, CancellationToken cancellation) => Evaluator.Evaluate(model, rows, cancellation)!;

    /// <summary>What the run has read besides its training rows.</summary>
    private sealed class KeptRows
    {
        public RowSet[] Measured { get; set; } = [];

        public RowSet? Validation { get; set; }
    }
}
