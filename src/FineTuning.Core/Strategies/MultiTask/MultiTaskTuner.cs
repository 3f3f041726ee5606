using FineTuning.Adapters;
using FineTuning.Errors;
using FineTuning.Models;
using FineTuning.Strategies;
using FineTuning.Tasks;
using FineTuning.Training;
using Microsoft.Extensions.Logging;

namespace FineTuning;

/// <summary>
/// Trains several heads on one trunk in one run: <c>FineTuner.For(trunk).Task("mood", classifier, reviews).Task("names", tagger, sentences).Train()</c>.
/// </summary>
/// <remarks>
/// Immutable and thread-safe; each verb returns another tuner. The loss of a step is the sum over its tasks of w S / N, where S is the sum of a task's losses,
/// N the number of its targets and w its weight, so that a tagger's many targets do not drown a classifier's few.
/// </remarks>
public sealed class MultiTaskTuner
{
    private readonly Trunk _trunk;

    internal MultiTaskTuner(Trunk trunk) => _trunk = trunk;

    private MultiTaskTuner(MultiTaskTuner other) => (_trunk, Tasks, Training, Options, Observer, Alone, Adapter) =
        (other._trunk, other.Tasks, other.Training, other.Options, other.Observer, other.Alone, other.Adapter);

    /// <summary>The recipe so far.</summary>
    public TrainingOptions Options { get; private init; } = new();

    private IReadOnlyList<TaskEntry> Tasks { get; init; } = [];

    private MultiTaskTraining Training { get; init; } = new(TaskSampling.Proportional, TaskBalancing.Fixed);

    private RunObserver Observer { get; init; } = new();

    private AloneRuns Alone { get; init; }

    // Of tasks that were given none of their own.
    private Adapter? Adapter { get; init; }

    /// <summary>Adds a task.</summary>
    /// <typeparam name="TExample">What the model is trained on; inferred.</typeparam>
    /// <param name="name">Names it in metrics and messages; without dots and slashes.</param>
    /// <param name="model">A head on the tuner's trunk.</param>
    /// <param name="data">Read once, before the first step.</param>
    /// <param name="validation">Data to evaluate on during the run. Null: the task has none.</param>
    /// <param name="weight">What its loss is multiplied by, above 0. Default 1.</param>
    /// <param name="scoreWeight">The weight of its main metric in <c>score</c>, by which the best weights are chosen; 0 or more. Default 1.</param>
    /// <param name="adapter">What is tuned for this task instead of the trunk, which then stays for all tasks. Null: see <see cref="WithAdapters"/>.</param>
    /// <param name="ownModel">
    /// Makes a model like <paramref name="model"/> on the trunk that it is given, with the same options:
    /// <c>own => Pretrained.TextClassifier(own, options)</c>. It is for <see cref="ComparedWithAlone"/> with <c>keepBetter</c> where tasks train one trunk.
    /// Called on the tuner's trunk before data is read, to see that it fits, and on a copy, on the run's thread.
    /// </param>
    public MultiTaskTuner Task<TExample>(string name, TunableModel<TExample> model, IEnumerable<TExample> data, IEnumerable<TExample>? validation = null,
        double weight = 1, double scoreWeight = 1, Adapter? adapter = null, Func<Trunk, TunableModel<TExample>>? ownModel = null)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(name);
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(data);
        var task = new TaskEntry<TExample>(name, model, data, validation, weight, scoreWeight) { Adapter = adapter, MakesOwn = ownModel };
        return new(this) { Tasks = [.. Tasks, task] };
    }

    /// <summary>
    /// Tunes an adapter for each task instead of the trunk, which stays as it is, to the bit, and is in memory once. After the run each model knows its adapter
    /// by the task's name, and none is active: <c>model.UseAdapter("mood")</c>, then <c>model.SaveAdapter(folder)</c>.
    /// </summary>
    /// <param name="adapter">The method and its targets, for all tasks that were given none of their own.</param>
    /// <remarks>A task of which neither says an adapter trains its head alone where another task has one.</remarks>
    public MultiTaskTuner WithAdapters(Adapter adapter)
    {
        ArgumentNullException.ThrowIfNull(adapter);
        return new(this) { Adapter = adapter };
    }

    /// <summary>Changes any settings of the recipe.</summary>
    /// <param name="change">For example <c>o => o with { Epochs = 5 }</c>.</param>
    public MultiTaskTuner With(Func<TrainingOptions, TrainingOptions> change)
    {
        ArgumentNullException.ThrowIfNull(change);
        TrainingOptions changed = change(Options) ?? throw new ArgumentException("it gave null; give options, for example the ones it got", nameof(change));
        return new(this) { Options = changed };
    }

    /// <summary>Which share of the batches each task gets.</summary>
    /// <param name="sampling">For example <c>TaskSampling.Temperature(2)</c>.</param>
    public MultiTaskTuner WithSampling(TaskSampling sampling)
    {
        ArgumentNullException.ThrowIfNull(sampling);
        return new(this) { Training = Training with { Sampling = sampling } };
    }

    /// <summary>How the tasks' losses are weighed.</summary>
    /// <param name="balancing">For example <c>TaskBalancing.Uncertainty</c>.</param>
    public MultiTaskTuner WithBalancing(TaskBalancing balancing)
    {
        ArgumentNullException.ThrowIfNull(balancing);
        return new(this) { Training = Training with { Balancing = balancing } };
    }

    /// <summary>
    /// Trains each task alone first, from the same weights and as long as it takes part in the run over all, so that the result says what the others do to it.
    /// </summary>
    /// <param name="keepBetter">
    /// Whether what a task that is better alone learned alone is kept. Where tasks share nothing that trains (an adapter a task, or a frozen trunk), its model
    /// gets it. Where they train one trunk, it becomes a model with a trunk of its own, <see cref="TaskResult.OwnModel"/>, made by the task's <c>ownModel</c>,
    /// and the task's model stays with the others; until the run ends there is a copy of the trunk for each task with validation data. Default false.
    /// </param>
    public MultiTaskTuner ComparedWithAlone(bool keepBetter = false) => new(this) { Alone = keepBetter ? AloneRuns.Kept : AloneRuns.Compared };

    /// <summary>Writes checkpoints of the run over all tasks, as <c>CheckpointTo</c> of a tuner of one model does.</summary>
    /// <param name="folder">Of this run alone; made where it is absent. One that holds checkpoints is refused without <see cref="Resume"/>.</param>
    /// <param name="every">Steps between two checkpoints, 1 or more. Default 500.</param>
    /// <param name="keepLast">How many of the newest stay, 1 or more. Default 2.</param>
    /// <param name="keepBest">How many of those with the best evaluations stay besides. Default 0.</param>
    public MultiTaskTuner CheckpointTo(string folder, long every = 500, int keepLast = 2, int keepBest = 0)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(folder);
        return new(this) { Options = Options.WithCheckpoints(own => own with { Folder = folder, Every = every, KeepLast = keepLast, KeepBest = keepBest }) };
    }

    /// <summary>
    /// Goes on from the newest whole checkpoint in the folder of <see cref="CheckpointTo"/>, to the same bits on a CPU; begins where there is none.
    /// Runs over single tasks (<see cref="ComparedWithAlone"/>) are done again.
    /// </summary>
    /// <param name="accept">What may differ from the run that wrote it. Default nothing: a difference is refused, and named.</param>
    public MultiTaskTuner Resume(AcceptedChanges accept = AcceptedChanges.None) => new(this)
    {
        Options = Options.WithCheckpoints(own => own with
            { Origin = own.Folder is null ? null : new CheckpointOrigin(own.Folder, null, accept, IsRequired: false) }),
    };

    /// <summary>Told after every step, during encoding and around evaluations, on the run's thread. What it throws ends the run.</summary>
    /// <param name="handler">Added to those there are.</param>
    public MultiTaskTuner OnProgress(Action<TrainingProgress> handler)
    {
        ArgumentNullException.ThrowIfNull(handler);
        return new(this) { Observer = Observer with { Progress = Observer.Progress + handler } };
    }

    /// <summary>Told after every evaluation, on the run's thread. What it throws ends the run.</summary>
    /// <param name="handler">Added to those there are.</param>
    public MultiTaskTuner OnEvaluation(Action<EvaluationRecord> handler)
    {
        ArgumentNullException.ThrowIfNull(handler);
        return new(this) { Observer = Observer with { Evaluated = Observer.Evaluated + handler } };
    }

    /// <summary>Where the run writes its messages.</summary>
    /// <param name="logger">Thread-safe, as loggers are.</param>
    public MultiTaskTuner WithLogger(ILogger logger)
    {
        ArgumentNullException.ThrowIfNull(logger);
        return new(this) { Observer = Observer with { Logger = logger } };
    }

    /// <summary>Tunes trunk and heads in place and returns when the run has ended; it computes on a thread of its own.</summary>
    /// <param name="cancellation">Ends the run with the best weights so far; while examples are still being encoded,
    /// an <see cref="OperationCanceledException"/>.</param>
    /// <exception cref="InvalidOptionsException">Tasks, adapters or settings are wrong: all are listed, before any data is read.</exception>
    /// <exception cref="TrainingDataException">A record makes the run worthless; task and record are named.</exception>
    /// <exception cref="DivergedException">The loss or a gradient became NaN or infinite; the step and the records are named.</exception>
    public MultiTaskResult Train(CancellationToken cancellation = default) => Run().Train(cancellation);

    /// <summary>Tunes trunk and heads in place on a thread of its own; fails as <see cref="Train"/> does.</summary>
    /// <param name="cancellation">Ends the run with the best weights so far.</param>
    /// <exception cref="InvalidOptionsException">Thrown at once, before any data is read.</exception>
    public Task<MultiTaskResult> TrainAsync(CancellationToken cancellation = default) => Run().TrainAsync(cancellation);

    private MultiTaskRun Run()
    {
        // Which task has which adapter is part of the recipe.
        TaskAdapter[] adapters = [.. Tasks.Where(task => (task.Adapter ?? Adapter) is not null).Select(task =>
            new TaskAdapter(task.Name, AdapterConfig.Write((task.Adapter ?? Adapter)!, null)) { Adapter = task.Adapter ?? Adapter })];
        TrainingOptions recipe = Options.With(Training);
        if (adapters.Length > 0) recipe = recipe.With(new TaskAdapterTuning { Tasks = adapters });
        if (Training.Balancing.NeedsAllTasks) recipe = recipe with { Accumulation = recipe.Accumulation * Math.Max(1, Tasks.Count) };
        new MultiTaskRules(_trunk, Tasks, Training, recipe, Alone, adapters).Require();
        return new(_trunk, [.. Tasks.Select(task => task.As(recipe))], Training, recipe, Observer, Alone);
    }
}
