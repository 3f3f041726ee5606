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
    private readonly IReadOnlyList<TaskEntry> _tasks;
    private readonly MultiTaskTraining _training;
    private readonly RunObserver _observer;
    private readonly bool _compares;

    internal MultiTaskTuner(Trunk trunk)
        : this(trunk, [], new(TaskSampling.Proportional, TaskBalancing.Fixed), new TrainingOptions(), new RunObserver(), false)
    {
    }

    private MultiTaskTuner(
        Trunk trunk, IReadOnlyList<TaskEntry> tasks, MultiTaskTraining training, TrainingOptions options, RunObserver observer, bool compares) =>
        (_trunk, _tasks, _training, Options, _observer, _compares) = (trunk, tasks, training, options, observer, compares);

    /// <summary>The recipe so far.</summary>
    public TrainingOptions Options { get; }

    /// <summary>Adds a task.</summary>
    /// <typeparam name="TExample">What the model is trained on; inferred.</typeparam>
    /// <param name="name">Names it in metrics and messages; without dots and slashes.</param>
    /// <param name="model">A head on the tuner's trunk.</param>
    /// <param name="data">Read once, before the first step.</param>
    /// <param name="validation">Data to evaluate on during the run. Null: the task has none.</param>
    /// <param name="weight">What its loss is multiplied by, above 0. Default 1.</param>
    /// <param name="scoreWeight">The weight of its main metric in <c>score</c>, by which the best weights are chosen; 0 or more. Default 1.</param>
    public MultiTaskTuner Task<TExample>(string name, TunableModel<TExample> model, IEnumerable<TExample> data, IEnumerable<TExample>? validation = null,
        double weight = 1, double scoreWeight = 1)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(name);
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(data);
        return new(_trunk, [.. _tasks, new TaskEntry<TExample>(name, model, data, validation, weight, scoreWeight)], _training, Options, _observer, _compares);
    }

    /// <summary>Changes any settings of the recipe.</summary>
    /// <param name="change">For example <c>o => o with { Epochs = 5 }</c>.</param>
    public MultiTaskTuner With(Func<TrainingOptions, TrainingOptions> change)
    {
        ArgumentNullException.ThrowIfNull(change);
        TrainingOptions changed = change(Options) ?? throw new ArgumentException("it gave null; give options, for example the ones it got", nameof(change));
        return new(_trunk, _tasks, _training, changed, _observer, _compares);
    }

    /// <summary>Which share of the batches each task gets.</summary>
    /// <param name="sampling">For example <c>TaskSampling.Temperature(2)</c>.</param>
    public MultiTaskTuner WithSampling(TaskSampling sampling)
    {
        ArgumentNullException.ThrowIfNull(sampling);
        return new(_trunk, _tasks, _training with { Sampling = sampling }, Options, _observer, _compares);
    }

    /// <summary>How the tasks' losses are weighed.</summary>
    /// <param name="balancing">For example <c>TaskBalancing.Uncertainty</c>.</param>
    public MultiTaskTuner WithBalancing(TaskBalancing balancing)
    {
        ArgumentNullException.ThrowIfNull(balancing);
        return new(_trunk, _tasks, _training with { Balancing = balancing }, Options, _observer, _compares);
    }

    /// <summary>
    /// Trains each task alone first, from the same weights and as long as it takes part in the run over all, so that the result says what the others do to it.
    /// </summary>
    public MultiTaskTuner ComparedWithAlone() => new(_trunk, _tasks, _training, Options, _observer, true);

    /// <summary>Told after every step, during encoding and around evaluations, on the run's thread. What it throws ends the run.</summary>
    /// <param name="handler">Added to those there are.</param>
    public MultiTaskTuner OnProgress(Action<TrainingProgress> handler)
    {
        ArgumentNullException.ThrowIfNull(handler);
        return new(_trunk, _tasks, _training, Options, _observer with { Progress = _observer.Progress + handler }, _compares);
    }

    /// <summary>Told after every evaluation, on the run's thread. What it throws ends the run.</summary>
    /// <param name="handler">Added to those there are.</param>
    public MultiTaskTuner OnEvaluation(Action<EvaluationRecord> handler)
    {
        ArgumentNullException.ThrowIfNull(handler);
        return new(_trunk, _tasks, _training, Options, _observer with { Evaluated = _observer.Evaluated + handler }, _compares);
    }

    /// <summary>Where the run writes its messages.</summary>
    /// <param name="logger">Thread-safe, as loggers are.</param>
    public MultiTaskTuner WithLogger(ILogger logger)
    {
        ArgumentNullException.ThrowIfNull(logger);
        return new(_trunk, _tasks, _training, Options, _observer with { Logger = logger }, _compares);
    }

    /// <summary>Tunes trunk and heads in place and returns when the run has ended; it computes on a thread of its own.</summary>
    /// <param name="cancellation">Ends the run with the best weights so far; while examples are still being encoded,
    /// an <see cref="OperationCanceledException"/>.</param>
    /// <exception cref="InvalidOptionsException">Tasks or settings are wrong: all are listed, before any data is read.</exception>
    /// <exception cref="TrainingDataException">A record makes the run worthless; task and record are named.</exception>
    /// <exception cref="DivergedException">The loss or a gradient became NaN or infinite; the step and the records are named.</exception>
    public MultiTaskResult Train(CancellationToken cancellation = default) => Run().Train(cancellation);

    /// <summary>Tunes trunk and heads in place on a thread of its own; fails as <see cref="Train"/> does.</summary>
    /// <param name="cancellation">Ends the run with the best weights so far.</param>
    /// <exception cref="InvalidOptionsException">Thrown at once, before any data is read.</exception>
    public Task<MultiTaskResult> TrainAsync(CancellationToken cancellation = default) => Run().TrainAsync(cancellation);

    private MultiTaskRun Run()
    {
        var violations = new List<string>();
        if (_tasks.Count < 2) violations.Add($"there are {_tasks.Count} tasks: a run over several takes two or more; for one, FineTuner.For(model)");
        violations.AddRange(_tasks.GroupBy(task => task.Name, StringComparer.Ordinal).Where(group => group.Count() > 1)
            .Select(group => $"{group.Count()} tasks are named '{group.Key}': names differ"));
        foreach (TaskEntry task in _tasks)
        {
            task.Model.Weights.ThrowIfClosed();
            if (task.Name.AsSpan().ContainsAny('.', '/')) violations.Add($"the task's name '{task.Name}' has a dot or a slash");
            if (!ReferenceEquals(task.Model.SharedTrunk, _trunk))
                violations.Add($"the model of the task '{task.Name}' does not sit on the tuner's trunk: make it with Pretrained...(trunk)");
            if (task.Model.ActiveAdapter is not null)
                violations.Add($"the model of the task '{task.Name}' has an active adapter: take it off (WithoutAdapter)");
            if (task.Weight is not (> 0 and < 1e6)) violations.Add($"the weight of the task '{task.Name}' is {task.Weight}: it is above 0 and below 1,000,000");
            if (task.ScoreWeight is not (>= 0 and < 1e6))
                violations.Add($"the score weight of the task '{task.Name}' is {task.ScoreWeight}: it is 0 or more");
        }
        bool hasValidation = _tasks.Any(task => task.HasValidation);
        if (hasValidation && !(_tasks.Where(task => task.HasValidation).Sum(task => task.ScoreWeight) > 0))
            violations.Add("all tasks with validation data have a score weight of 0: there is nothing to compare weights by");
        TrainingOptions recipe = Options.With(_training);
        if (_training.Balancing.NeedsAllTasks) recipe = recipe with { Accumulation = recipe.Accumulation * Math.Max(1, _tasks.Count) };
        try
        {
            recipe.Validate(hasValidation);
        }
        catch (InvalidOptionsException invalid)
        {
            violations.AddRange(invalid.Violations);
        }
        if (violations.Count > 0) throw new InvalidOptionsException(violations);
        return new(_trunk, [.. _tasks.Select(task => task.As(recipe))], _training, recipe, _observer, _compares);
    }
}
