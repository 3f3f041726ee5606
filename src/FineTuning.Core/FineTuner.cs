using FineTuning.Models;
using FineTuning.Strategies;
using FineTuning.Tasks;
using FineTuning.Tensors;
using FineTuning.Training;
using Microsoft.Extensions.Logging;

namespace FineTuning;

/// <summary>The beginning of every run: <c>FineTuner.For(model).Freeze(...).WithScheduler(...).Train(data)</c>.</summary>
public static class FineTuner
{
    /// <summary>A tuner of a model, with the default recipe.</summary>
    /// <typeparam name="TExample">What the model is trained on; inferred.</typeparam>
    /// <param name="model">Tuned in place by the run; the caller keeps owning it.</param>
    public static FineTuner<TExample> For<TExample>(TunableModel<TExample> model)
    {
        ArgumentNullException.ThrowIfNull(model);
        return new(model);
    }

    /// <summary>A search over recipes: <c>FineTuner.Search(tuner).Over("rate", ...).Trials(20).Train(data)</c>.</summary>
    /// <typeparam name="TExample">What the model is trained on; inferred.</typeparam>
    /// <param name="tuner">Its recipe is what all others are made of; its model is tuned.</param>
    public static RecipeSearch<TExample> Search<TExample>(FineTuner<TExample> tuner)
    {
        ArgumentNullException.ThrowIfNull(tuner);
        return new(tuner);
    }

    /// <summary>A tuner of several tasks whose heads sit on one trunk: <c>FineTuner.For(trunk).Task("mood", classifier, reviews)</c>.</summary>
    /// <param name="trunk">Tuned in place with its heads; the caller keeps owning it.</param>
    public static MultiTaskTuner For(Trunk trunk)
    {
        ArgumentNullException.ThrowIfNull(trunk);
        return new(trunk);
    }
}

/// <summary>A model, a recipe and who is told of the run. Each verb returns another tuner; nothing happens before <c>Train</c>.</summary>
/// <typeparam name="TExample">What the model is trained on.</typeparam>
/// <remarks>Immutable and thread-safe. One run trains a model at a time: a second one, and predictions meanwhile, are refused.</remarks>
public sealed class FineTuner<TExample>
{
    private readonly TunableModel<TExample> _model;
    private readonly RunObserver _observer;
    private readonly IEnumerable<TExample>? _validation;

    internal FineTuner(TunableModel<TExample> model)
        : this(model, new TrainingOptions(), null, new RunObserver())
    {
    }

    private FineTuner(TunableModel<TExample> model, TrainingOptions options, IEnumerable<TExample>? validation, RunObserver observer) =>
        (_model, Options, _validation, _observer) = (model, options, validation, observer);

    /// <summary>The recipe so far.</summary>
    public TrainingOptions Options { get; }

    /// <summary>What is tuned.</summary>
    internal TunableModel<TExample> Model => _model;

    /// <summary>Data to evaluate on. Null: there is none.</summary>
    internal IEnumerable<TExample>? Validation => _validation;

    /// <summary>Who is told of the run.</summary>
    internal RunObserver Observer => _observer;

    /// <summary>Changes any settings of the recipe: the verbs below are for the usual ones.</summary>
    /// <param name="change">For example <c>o => o with { PadToMultipleOf = 16 }</c>.</param>
    public FineTuner<TExample> With(Func<TrainingOptions, TrainingOptions> change)
    {
        ArgumentNullException.ThrowIfNull(change);
        TrainingOptions changed = change(Options) ?? throw new ArgumentException("it gave null; give options, for example the ones it got", nameof(change));
        return new(_model, changed, _validation, _observer);
    }

    /// <summary>Chosen weights do not train: they get no gradient, no optimizer state and no dropout.</summary>
    /// <param name="weights">For example <c>l => l.Embeddings().Layers(..4)</c>; added to what was frozen before.</param>
    public FineTuner<TExample> Freeze(Func<WeightFilter, WeightFilter> weights)
    {
        ArgumentNullException.ThrowIfNull(weights);
        WeightFilter frozen = weights(Options.Frozen) ?? throw NoFilter(nameof(weights));
        return With(options => options with { Frozen = frozen });
    }

    /// <summary>Starts with the head alone and thaws one layer every so many epochs, from the highest down.</summary>
    /// <param name="everyEpochs">1 or more.</param>
    public FineTuner<TExample> UnfreezeGradually(int everyEpochs = 1) => With(options => options with { UnfreezeEvery = everyEpochs });

    /// <summary>Which optimizer, with which rate and decay.</summary>
    /// <param name="optimizer">For example <c>Optimizer.AdamW(learningRate: 3e-5)</c>.</param>
    public FineTuner<TExample> WithOptimizer(Optimizer optimizer)
    {
        ArgumentNullException.ThrowIfNull(optimizer);
        return With(options => options with { Optimizer = optimizer });
    }

    /// <summary>How the rate changes over the run.</summary>
    /// <param name="schedule">For example <c>Schedule.Linear(warmup: 0.06)</c>.</param>
    public FineTuner<TExample> WithScheduler(Schedule schedule)
    {
        ArgumentNullException.ThrowIfNull(schedule);
        return With(options => options with { Schedule = schedule });
    }

    /// <summary>Lower layers learn more slowly.</summary>
    /// <param name="decay">The factor with each layer further from the head, above 0 and at most 1, for example 0.9.</param>
    public FineTuner<TExample> WithLayerDecay(double decay) => With(options => options with { LayerDecay = decay });

    /// <summary>Chosen weights learn at another rate.</summary>
    /// <param name="weights">Which.</param>
    /// <param name="factor">What their rate is multiplied by.</param>
    public FineTuner<TExample> WithRate(Func<WeightFilter, WeightFilter> weights, double factor)
    {
        ArgumentNullException.ThrowIfNull(weights);
        WeightFilter chosen = weights(new WeightFilter()) ?? throw NoFilter(nameof(weights));
        return With(options => options with { RateFactors = [.. options.RateFactors, new RateFactor(chosen, factor)] });
    }

    /// <summary>How often the data is gone through.</summary>
    /// <param name="epochs">1 or more.</param>
    public FineTuner<TExample> Epochs(int epochs) => With(options => options with { Epochs = epochs });

    /// <summary>How many optimizer steps the run has, instead of epochs.</summary>
    /// <param name="steps">1 or more.</param>
    public FineTuner<TExample> Steps(long steps) => With(options => options with { Steps = steps });

    /// <summary>Ends the run after a time with the best weights so far.</summary>
    /// <param name="limit">Above 0.</param>
    public FineTuner<TExample> TimeLimit(TimeSpan limit) => With(options => options with { TimeLimit = limit });

    /// <summary>Rows in a micro-batch, and how many micro-batches make a step.</summary>
    /// <param name="rows">1 or more.</param>
    /// <param name="accumulation">1 or more.</param>
    public FineTuner<TExample> BatchSize(int rows, int accumulation = 1) => With(options => options with { BatchSize = rows, Accumulation = accumulation });

    /// <summary>Tokens in a micro-batch, padding included: short texts make larger batches, of at most 1024 rows.</summary>
    /// <param name="tokens">1 or more.</param>
    public FineTuner<TExample> TokenBudget(int tokens) => With(options => options with { TokenBudget = tokens, BatchSize = 1024 });

    /// <summary>The longest gradient that is taken as it is.</summary>
    /// <param name="norm">Above 0; null: never clip.</param>
    public FineTuner<TExample> ClipGradients(double? norm) => With(options => options with { ClipNorm = norm });

    /// <summary>The seed of order and dropout.</summary>
    /// <param name="seed">Any.</param>
    public FineTuner<TExample> Seed(long seed) => With(options => options with { Seed = seed });

    /// <summary>The type in which linear layers compute during training.</summary>
    /// <param name="precision">Float32 or bfloat16 over float32 masters.</param>
    public FineTuner<TExample> WithPrecision(Precision precision) => With(options => options with { Precision = precision });

    /// <summary>
    /// Keeps only what enters chosen layers, and computes their insides again in the backward pass: gradient checkpointing. Less memory, a second pass
    /// forward, the same gradients.
    /// </summary>
    /// <param name="layers">For example <c>l => l.Layers(..8)</c>. Null: all layers.</param>
    public FineTuner<TExample> WithGradientCheckpointing(Func<WeightFilter, WeightFilter>? layers = null)
    {
        layers ??= filter => filter.Layers(..);
        WeightFilter chosen = layers(Options.GradientCheckpointing) ?? throw NoFilter(nameof(layers));
        return With(options => options with { GradientCheckpointing = chosen });
    }

    /// <summary>Data to evaluate on during the run.</summary>
    /// <param name="data">Read once, before the run.</param>
    public FineTuner<TExample> ValidateOn(IEnumerable<TExample> data)
    {
        ArgumentNullException.ThrowIfNull(data);
        return new(_model, Options, data, _observer);
    }

    /// <summary>When the validation data is evaluated.</summary>
    /// <param name="interval">For example <c>EvaluationInterval.Steps(100)</c>.</param>
    public FineTuner<TExample> EvaluateEvery(EvaluationInterval interval) => With(options => options with { EvaluateEvery = interval });

    /// <summary>Ends the run when the metric stops getting better; the best weights are put back.</summary>
    /// <param name="patience">Evaluations in a row without a gain; 1 or more.</param>
    /// <param name="minimalGain">A gain counts only if it is larger.</param>
    /// <param name="metric">Null: the model's own, or what <see cref="TrainingOptions.Metric"/> says.</param>
    /// <param name="smoothing">How much of the curve so far stays in what patience waits for, from 0 to below 1; see
    /// <see cref="EarlyStopping.Smoothing"/>.</param>
    public FineTuner<TExample> StopEarly(int patience = 2, double minimalGain = 0, string? metric = null, double smoothing = 0) => With(options => options with
    {
        EarlyStopping = new EarlyStopping(patience, minimalGain) { Smoothing = smoothing }, Metric = metric ?? options.Metric,
    });

    /// <summary>Where the run writes its messages.</summary>
    /// <param name="logger">Thread-safe, as loggers are.</param>
    public FineTuner<TExample> WithLogger(ILogger logger)
    {
        ArgumentNullException.ThrowIfNull(logger);
        return new(_model, Options, _validation, _observer with { Logger = logger });
    }

    /// <summary>Told after every step, during encoding and around evaluations, on the run's thread. What it throws ends the run.</summary>
    /// <param name="handler">Added to those there are.</param>
    public FineTuner<TExample> OnProgress(Action<TrainingProgress> handler)
    {
        ArgumentNullException.ThrowIfNull(handler);
        return new(_model, Options, _validation, _observer with { Progress = _observer.Progress + handler });
    }

    /// <summary>Told after every evaluation, on the run's thread. What it throws ends the run.</summary>
    /// <param name="handler">Added to those there are.</param>
    public FineTuner<TExample> OnEvaluation(Action<EvaluationRecord> handler)
    {
        ArgumentNullException.ThrowIfNull(handler);
        return new(_model, Options, _validation, _observer with { Evaluated = _observer.Evaluated + handler });
    }

    /// <summary>Told after every checkpoint, written or failed, on the run's thread. What it throws ends the run.</summary>
    /// <param name="handler">Added to those there are.</param>
    public FineTuner<TExample> OnCheckpoint(Action<CheckpointReport> handler)
    {
        ArgumentNullException.ThrowIfNull(handler);
        return new(_model, Options, _validation, _observer with { Checkpoint = _observer.Checkpoint + handler });
    }

    /// <summary>Tunes the model in place and returns when the run has ended; it computes on a thread of its own.</summary>
    /// <param name="data">Read once, before the first step.</param>
    /// <param name="cancellation">Ends the run with the best weights so far; while examples are still being encoded,
    /// an <see cref="OperationCanceledException"/>.</param>
    /// <exception cref="Errors.InvalidOptionsException">Settings are out of range or contradict each other:
    /// all are listed, before any data is read.</exception>
    /// <exception cref="Errors.TrainingDataException">A record makes the run worthless; it is named.</exception>
    /// <exception cref="Errors.DivergedException">The loss or a gradient became NaN or infinite; the step and the records are named.</exception>
    public TrainingResult Train(IEnumerable<TExample> data, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(data);
        Options.Validate(_validation is not null);
        return Run(_observer, data).Train(cancellation);
    }

    /// <summary>Tunes the model in place on a thread of its own.</summary>
    /// <param name="data">Read once, before the first step, on the run's thread.</param>
    /// <param name="progress">Told what <see cref="OnProgress"/>'s handlers are told.</param>
    /// <param name="cancellation">Ends the run with the best weights so far; while examples are still being encoded,
    /// an <see cref="OperationCanceledException"/>.</param>
    /// <returns>What <see cref="Train"/> returns; it fails as that does.</returns>
    /// <exception cref="Errors.InvalidOptionsException">Thrown at once, before any data is read.</exception>
    public Task<TrainingResult> TrainAsync(IEnumerable<TExample> data, IProgress<TrainingProgress>? progress = null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(data);
        Options.Validate(_validation is not null);
        RunObserver observer = progress is null ? _observer : _observer with { Progress = _observer.Progress + progress.Report };
        return Run(observer, data).TrainAsync(cancellation);
    }

    private static ArgumentException NoFilter(string argument) => new("it gave null; a filter that matches nothing is new WeightFilter()", argument);

    /// <summary>
    /// How much memory the run would take, from the real lengths of the data: its largest batch is computed, or a few rows where the whole may not
    /// fit; the model stays as it is.
    /// </summary>
    /// <remarks>Besides memory that a run uses, what the process holds now counts. An adapter of the recipe is put on the model, as a run would.</remarks>
    /// <param name="data">Read once; a run reads it again.</param>
    /// <param name="cancellation">Ends it with an <see cref="OperationCanceledException"/>.</param>
    /// <exception cref="Errors.InvalidOptionsException">Settings are out of range or contradict each other.</exception>
    /// <exception cref="Errors.TrainingDataException">A record makes the run worthless; it is named.</exception>
    public MemoryEstimate Estimate(IEnumerable<TExample> data, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(data);
        Options.Validate(_validation is not null);
        return Run(_observer, data).Estimate(cancellation);
    }

    /// <summary>
    /// A recipe of the same effective batch that stays within a budget of memory: smaller micro-batches and more of them first, gradient checkpointing of all
    /// layers where one row would still not fit.
    /// </summary>
    /// <param name="data">Read once; a run reads it again.</param>
    /// <param name="bytes">The budget of the whole process. Null: nine tenths of what container and machine have.</param>
    /// <param name="cancellation">Ends it with an <see cref="OperationCanceledException"/>.</param>
    /// <exception cref="Errors.InvalidOptionsException">Not even one row fits; the message says what it takes.</exception>
    public FineTuner<TExample> FitInto(IEnumerable<TExample> data, long? bytes = null, CancellationToken cancellation = default)
    {
        MemoryEstimate estimate = Estimate(data, cancellation);
        long budget = bytes ?? (long)(MemoryLimit.Current() * 0.9);
        return With(options => RecipeFitting.Into(options, estimate, budget));
    }

    /// <summary>The recipe with a feature; one of the same kind is replaced.</summary>
    internal FineTuner<TExample> With(RunFeature feature) => With(options => options.With(feature));

    /// <summary>With a time of its own: the tests' time passes when they say so.</summary>
    internal FineTuner<TExample> WithTime(TimeProvider time) => new(_model, Options, _validation, _observer with { Time = time });

    /// <summary>A run of another recipe over the same model.</summary>
    internal TrainingRun Run(TrainingOptions options, IEnumerable<TExample> data, bool validates)
    {
        TunableModel<TExample> model = AugmentedModel<TExample>.Of(_model, options);
        return new(model, options, _observer, read =>
            (read.Train(model, data, mostRows: options.RowsOfAllSteps), validates ? read.Validate(_model, _validation) : null));
    }

    private TrainingRun Run(RunObserver observer, IEnumerable<TExample> data) => Run(Options, data, validates: true) with { Observer = observer };
}
