using FineTuning.Batching;
using FineTuning.Metrics;
using FineTuning.Models;
using FineTuning.Tasks;
using FineTuning.Training;

namespace FineTuning.Strategies;

/// <summary>One run over several tasks: encodes the data of each, trains each alone where that is asked for, then all together.</summary>
internal sealed record MultiTaskRun(
    Trunk Trunk, IReadOnlyList<TaskEntry> Tasks, MultiTaskTraining Training, TrainingOptions Options, RunObserver Observer, AloneRuns Alone)
{
    private IReadOnlyList<TaskAdapter> Adapters { get; } = Options.Features.OfType<TaskAdapterTuning>().FirstOrDefault()?.Tasks ?? [];

    public MultiTaskResult Train(CancellationToken cancellation)
    {
        using MultiTaskModel model = MakeModel();
        return Run(model).Run(taken => Learn(model, taken), cancellation);
    }

    public async Task<MultiTaskResult> TrainAsync(CancellationToken cancellation)
    {
        using MultiTaskModel model = MakeModel();
        return await Run(model).Start(taken => Learn(model, taken), cancellation).ConfigureAwait(false);
    }

    private MultiTaskModel MakeModel() => new(Trunk, Tasks, Training.Balancing, AttachedAdapters.Put(Trunk, Tasks, Adapters));

    private TrainingRun Run(MultiTaskModel model) => new(model, Options, Observer, read =>
    {
        model.Train = [.. Tasks.Select(task => task.Train(read))];
        model.Validation = [.. Tasks.Select(task => task.Validate(read))];
        return (Join(model.Train, Plan)!, Join(model.Validation, null));
    });

    private MultiTaskResult Learn(MultiTaskModel model, TakenRun taken)
    {
        model.Attached?.Hold();
        var alone = new SingleTask?[Tasks.Count];
        try
        {
            model.Shapes = [.. Tasks.Select((task, i) => model.Validation[i] is { } rows ? model.For(i, () => Evaluator.Shape(task.Model, rows)) : null)];
            if (Alone != AloneRuns.None) TrainAlone(model, taken, alone);
            TrainingResult result = Run(model).Learn(taken);
            TaskResult[] tasks = [.. Tasks.Select((task, i) => Better(model, i, Measure(model, i), alone[i]))];
            for (int i = 0; i < alone.Length; i++) alone[i]?.Release(tasks[i].OwnModel);
            return new(result, tasks);
        }
        finally
        {
            model.Attached?.Leave();
            foreach (SingleTask? own in alone) own?.Dispose();
        }
    }

    // Each from the same weights, which are put back.
    private void TrainAlone(MultiTaskModel model, TakenRun taken, SingleTask?[] alone)
    {
        using var start = new BestWeights([.. model.Weights.Where(weight => weight.CanTrain)]);
        start.Keep();
        double rows = taken.Train.Rows.Count;
        for (int i = 0; i < alone.Length; i++)
        {
            if (model.Validation[i] is null) continue;
            TrainingOptions recipe = Options.WithoutWatchers() with
            {
                Accumulation = Training.Balancing.NeedsAllTasks ? Options.Accumulation / Tasks.Count : Options.Accumulation,
                Steps = Options.Steps is { } steps ? Math.Max(1, (long)Math.Round(steps * model.Train[i].Rows.Count / rows)) : null,
                Metric = null,
            };
            recipe = recipe with { Features = [.. recipe.Features.Where(feature => feature is not (MultiTaskTraining or TaskAdapterTuning))] };
            if (Adapters.FirstOrDefault(own => own.Task == Tasks[i].Name) is { } adapter)
                recipe = recipe.With(new AdapterTuning(adapter.Task, adapter.Configuration) { Adapter = adapter.Adapter });
            var observer = new RunObserver { Logger = Observer.Logger };
            model.Attached?.Enter(i);
            new TrainingLoop(Tasks[i].Model, model.Train[i], model.Validation[i], recipe, observer, taken.Stop, taken.Clock).Run();
            MetricReport report = Measure(model, i)!;
            bool isKept = Alone == AloneRuns.Kept, hasOwn = Tasks[i].OwnModel is not null;
            alone[i] = new(report, isKept && !hasOwn ? Own(model, i) : null, isKept && hasOwn ? TaskCopy.Of(Tasks[i], Trunk) : null);
            start.Restore();
        }
    }

    // Together, or the weights of the run over the task alone where these are better and are to be kept.
    private TaskResult Better(MultiTaskModel model, int task, MetricReport? together, SingleTask? alone)
    {
        var result = new TaskResult(Tasks[task].Name, Tasks[task].Model.PrimaryMetric, together, alone?.Report);
        if (!result.IsHarmed || alone is null) return result;
        if (alone.OwnModel is { } own)
        {
            own.Calibrate(alone.Report);
            return new(result.Name, result.Metric, together, alone.Report, ownModel: own);
        }
        if (alone.Weights is not { } weights) return result;
        weights.Restore();
        Tasks[task].Model.Calibrate(alone.Report);
        return new(result.Name, result.Metric, together, alone.Report, isAlone: true);
    }

    // What the task has for itself, as it is.
    private BestWeights Own(MultiTaskModel model, int task)
    {
        string path = $"{Tasks[task].Name}/";
        var own = new BestWeights([.. model.Weights.Where(weight => weight.CanTrain && weight.Name.StartsWith(path, StringComparison.Ordinal))]);
        own.Keep();
        return own;
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
        : model.For(task, () => Evaluator.Evaluate(Tasks[task].Model, rows, new EvaluationWatch(CancellationToken.None)));

    /// <summary>What a run over one task alone came to.</summary>
    /// <param name="Report">Its validation data, measured.</param>
    /// <param name="Weights">What the task has for itself, as that run left it. Null: it is not to be kept.</param>
    /// <param name="OwnModel">What that run left, with a trunk of its own. Null: it is not to be kept, or shares nothing that trains.</param>
    private sealed record SingleTask(MetricReport Report, BestWeights? Weights, TunableModel? OwnModel) : IDisposable
    {
        private bool _isTaken;

        /// <summary>The model is the user's from now on, if it is that.</summary>
        public void Release(TunableModel? taken) => _isTaken = taken is not null && ReferenceEquals(taken, OwnModel);

        public void Dispose()
        {
            Weights?.Dispose();
            if (!_isTaken) OwnModel?.Dispose();
        }
    }
}

/// <summary>Whether each task is trained alone, too.</summary>
internal enum AloneRuns
{
    /// <summary>No.</summary>
    None,

    /// <summary>To be compared.</summary>
    Compared,

    /// <summary>To be compared, and kept where it is better.</summary>
    Kept,
}
