using System.Text.Json.Serialization;
using FineTuning.Batching;
using FineTuning.Errors;
using FineTuning.Tensors;

namespace FineTuning.Training;

/// <summary>The whole recipe of a run.</summary>
/// <remarks>Immutable; change a copy with <c>with</c>, or through the verbs of the tuner.
/// Nothing is checked before a run begins; then everything is, at once.</remarks>
public sealed record TrainingOptions
{
    private const long MostSteps = 1_000_000_000;

    /// <summary>The rows that the steps of a run can take. Null: the number of steps is not set.</summary>
    internal long? RowsOfAllSteps => Steps is { } steps ? (long)UInt128.Min(long.MaxValue, (UInt128)steps * (UInt128)BatchSize * (UInt128)Accumulation) : null;

    /// <summary>How weights follow their gradients. Default: AdamW with a rate of 5e-5.</summary>
    public Optimizer Optimizer { get; init => field = value ?? throw new ArgumentNullException(nameof(Optimizer)); } = Optimizer.AdamW();

    /// <summary>How the rate changes over the run. Default: 6 % warm-up, then down to 0 in a straight line.</summary>
    public Schedule Schedule { get; init => field = value ?? throw new ArgumentNullException(nameof(Schedule)); } = Schedule.Linear(warmup: 0.06);

    /// <summary>How often the data is gone through. Null: 3 times, or as long as <see cref="Steps"/> says.</summary>
    public int? Epochs { get; init; }

    /// <summary>
    /// How many optimizer steps the run has, at most 1,000,000,000. Null: what <see cref="Epochs"/> gives.
    /// Of a source of unknown length, only the rows of so many steps are read, so that it may be without end.
    /// </summary>
    public long? Steps { get; init; }

    /// <summary>
    /// After this time the run ends with the best weights so far. Null: no limit. The time begins with the run, so that reading the data counts;
    /// an evaluation that would pass the limit by more than half a second is given up.
    /// </summary>
    public TimeSpan? TimeLimit { get; init; }

    /// <summary>Rows in a micro-batch (with a token budget: at most so many). Default 16.</summary>
    public int BatchSize { get; init; } = 16;

    /// <summary>Tokens in a micro-batch, padding included: short texts make larger batches; null (default): always <see cref="BatchSize"/> rows.</summary>
    public int? TokenBudget { get; init; }

    /// <summary>
    /// Micro-batches whose gradients make one step. Default 1. Losses are summed and divided once, by the count of all targets in the window.
    /// </summary>
    public int Accumulation { get; init; } = 1;

    /// <summary>Whether rows of similar length stand together, so that little is padded. Default true.</summary>
    public bool GroupByLength { get; init; } = true;

    /// <summary>Whether the order changes with every epoch. False: as the data is listed. Default true.</summary>
    public bool Shuffle { get; init; } = true;

    /// <summary>Batches are padded to a multiple of this many tokens, so that few shapes occur. Default 4.</summary>
    public int PadToMultipleOf { get; init; } = 4;

    /// <summary>Gradients are scaled down to this 2-norm where they are longer. Null: never. Default 1.</summary>
    public double? ClipNorm { get; init; } = 1;

    /// <summary>The seed of order and dropout: two runs with one seed are equal to the bit on a CPU with the same number of threads. Default 42.</summary>
    public long Seed { get; init; } = 42;

    /// <summary>The type in which linear layers compute during training. Default float32.</summary>
    public Precision Precision { get; init; }

    /// <summary>Weights that do not train. Default: none.</summary>
    public WeightFilter Frozen { get; init => field = value ?? throw new ArgumentNullException(nameof(Frozen)); } = new();

    /// <summary>
    /// Layers whose insides are not kept for the backward pass but computed again there, with the same dropout: less memory, a second pass forward, the same
    /// gradients (Chen et al. 2016). Layers of which any weight is meant. Default: none.
    /// </summary>
    public WeightFilter GradientCheckpointing { get; init => field = value ?? throw new ArgumentNullException(nameof(GradientCheckpointing)); } = new();

    /// <summary>
    /// Thaws one layer every so many epochs, from the highest down, starting with the head alone (Howard and Ruder 2018,
    /// section 3.3). Null: all train from the start.
    /// </summary>
    public int? UnfreezeEvery { get; init; }

    /// <summary>
    /// What the rate is multiplied by with each layer further from the head (Howard and Ruder 2018, section 3.2). Default 1: all layers have one rate.
    /// </summary>
    public double LayerDecay { get; init; } = 1;

    /// <summary>Further factors on the rates of chosen weights; those of all matching entries are multiplied.</summary>
    public IReadOnlyList<RateFactor> RateFactors
    {
        get;
        init
        {
            NullMembers.RequireEntries(value, nameof(RateFactors));
            field = ValueList<RateFactor>.Of(value);
        }
    } = ValueList<RateFactor>.Empty;

    /// <summary>Whether biases and norms decay as well. Default false.</summary>
    public bool DecayBiasesAndNorms { get; init; }

    /// <summary>
    /// How hidden states of layers that do not train are kept, so that only the first epoch computes them. Null: they are computed in every epoch. Default: in
    /// memory, where that pays; <see cref="TrainingResult.FrozenStates"/> says what was done.
    /// </summary>
    public FrozenStateOptions? FrozenStates { get; init; } = new();

    /// <summary>When the validation data is evaluated. Default: after each epoch. The end of the run always is.</summary>
    public EvaluationInterval EvaluateEvery { get; init; } = EvaluationInterval.Epoch;

    /// <summary>The metric by which weights are compared. Null: the model's own (accuracy for classifiers). Each metric states its direction.</summary>
    public string? Metric { get; init; }

    /// <summary>When to stop for want of gain. Null: never.</summary>
    public EarlyStopping? EarlyStopping { get; init; }

    /// <summary>
    /// Whether the weights of the best evaluation (the first of equals) are put back at the end. Default true; without validation data the last are kept.
    /// </summary>
    public bool KeepBest { get; init; } = true;

    /// <summary>What the run does in addition, in the order in which it is done. Default: nothing.</summary>
    public IReadOnlyList<RunFeature> Features
    {
        get;
        init
        {
            NullMembers.RequireEntries(value, nameof(Features));
            field = ValueList<RunFeature>.Of(value);
        }
    } = ValueList<RunFeature>.Empty;

    /// <summary>The recipe with a feature; one of the same kind is replaced.</summary>
    internal TrainingOptions With(RunFeature feature) =>
        this with { Features = [.. Features.Where(other => other.GetType() != feature.GetType()), feature] };

    /// <summary>The recipe without what only watches the run: two runs of one are equal.</summary>
    internal TrainingOptions WithoutWatchers() => this with
    {
        Features = [.. Features.Where(feature => feature.ChangesTheResult)],
        // How much room states may take is no part of what is learned.
        FrozenStates = FrozenStates is null ? null : new() { Stored = FrozenStates.Stored },
    };

    /// <summary>The recipe as JSON, to be stored with a model and read by <see cref="FromJson"/>.</summary>
    public string ToJson() => RecipeFile.Write(this);

    /// <summary>Reads a recipe that <see cref="ToJson"/> wrote; it equals the one that was written.</summary>
    /// <param name="json">The text; settings that are left out have their defaults, unknown ones are refused.</param>
    /// <exception cref="InvalidOptionsException">The text is no recipe. Whether its settings are in range is checked where a run begins.</exception>
    public static TrainingOptions FromJson(string json)
    {
        ArgumentNullException.ThrowIfNull(json);
        return RecipeFile.Read(json);
    }

    /// <summary>How rows of some lengths are put into batches.</summary>
    internal BatchRules RulesFor(IReadOnlyList<int> lengths) =>
        new(BatchSize, TokenBudget, GroupByLength, Shuffle, PadToMultipleOf, lengths.Count == 0 ? 1 : lengths.Max());

    /// <summary>Checks every setting.</summary>
    /// <param name="hasValidation">Whether there is validation data.</param>
    /// <exception cref="InvalidOptionsException">Lists every violation.</exception>
    internal void Validate(bool hasValidation)
    {
        var violations = new List<string>();
        if (Epochs is not (null or (>= 1 and <= 1_000_000))) violations.Add($"Epochs is {Epochs}: it is from 1 to 1,000,000");
        if (Steps is not (null or (>= 1 and <= MostSteps))) violations.Add($"Steps is {Steps}: it is from 1 to {MostSteps:N0}");
        if (Epochs is not null && Steps is not null) violations.Add($"both Epochs ({Epochs}) and Steps ({Steps}) are set: a run ends by one of them");
        if (TimeLimit is { } limit && limit <= TimeSpan.Zero) violations.Add($"TimeLimit is {limit}: it is above 0");
        if (BatchSize is not (>= 1 and <= 1_000_000)) violations.Add($"BatchSize is {BatchSize}: it is from 1 to 1,000,000");
        if (TokenBudget is not (null or (>= 1 and <= 100_000_000))) violations.Add($"TokenBudget is {TokenBudget}: it is from 1 to 100,000,000");
        if (Accumulation is not (>= 1 and <= 1_000_000)) violations.Add($"Accumulation is {Accumulation}: it is from 1 to 1,000,000");
        if (PadToMultipleOf is not (>= 1 and <= 4096)) violations.Add($"PadToMultipleOf is {PadToMultipleOf}: it is from 1 to 4096");
        if (ClipNorm is not (null or (> 0 and < double.PositiveInfinity))) violations.Add($"ClipNorm is {ClipNorm}: it is above 0");
        if (!Enum.IsDefined(Precision)) violations.Add($"Precision is {Precision}: it is {string.Join(" or ", Enum.GetNames<Precision>())}");
        if (UnfreezeEvery is not (null or (>= 1 and <= 1_000_000))) violations.Add($"UnfreezeEvery is {UnfreezeEvery} epochs: it is 1 or more");
        if (LayerDecay is not (> 0 and <= 1)) violations.Add($"LayerDecay is {LayerDecay}: it is above 0 and at most 1");
        foreach (RateFactor rate in RateFactors)
        {
            if (rate.Factor is not (0 or (>= 1e-12 and <= 1e6)))
                violations.Add($"the rate factor of {rate.Weights} is {rate.Factor}: it is 0, or from 1e-12 to 1,000,000");
        }
        EvaluateEvery.CollectViolations(violations);
        Optimizer.CollectViolations(violations);
        Schedule.CollectViolations(violations);
        FrozenStates?.CollectViolations(violations);
        foreach (RunFeature feature in Features)
        {
            feature.CollectViolations(violations, hasValidation);
            feature.CollectConflicts(violations, this);
        }
        violations.AddRange(Features.GroupBy(feature => feature.GetType()).Where(group => group.Count() > 1)
            .Select(group => $"{group.Key.Name} stands {group.Count()} times among the features: once is enough"));
        if (EarlyStopping is { } stopping)
        {
            if (stopping.Patience < 1) violations.Add($"the patience of early stopping is {stopping.Patience}: it is 1 or more evaluations");
            if (stopping.MinimalGain is not (>= 0 and < double.PositiveInfinity))
                violations.Add($"the minimal gain of early stopping is {stopping.MinimalGain}: it is 0 or more");
            if (stopping.Smoothing is not (>= 0 and < 1)) violations.Add($"the smoothing of early stopping is {stopping.Smoothing}: it is from 0 to below 1");
            if (!hasValidation) violations.Add("early stopping is on without validation data: add ValidateOn(...)");
        }
        if (Schedule is PlateauSchedule && !hasValidation) violations.Add("the plateau schedule needs validation data: add ValidateOn(...)");
        if (violations.Count > 0) throw new InvalidOptionsException(violations);
    }
}

/// <summary>When to stop for want of gain.</summary>
/// <param name="Patience">Evaluations in a row without a gain after which the run ends; 1 or more.</param>
/// <param name="MinimalGain">A gain counts only if it is larger; absolute, 0 or more. Small gains add up:
/// they are measured from the last one that counted.</param>
public sealed record EarlyStopping(int Patience, double MinimalGain = 0)
{
    /// <summary>
    /// How much of the curve so far stays in what patience waits for, from 0 (default: the metric as it is) to below 1: an exponential mean, so that a noisy
    /// metric neither ends a run nor prolongs it by a single value. The best weights are those of the best single evaluation all the same.
    /// </summary>
    public double Smoothing { get; init; }
}

/// <summary>A factor on the rates of some weights.</summary>
/// <param name="Weights">Which.</param>
/// <param name="Factor">0 or more.</param>
public sealed record RateFactor(WeightFilter Weights, double Factor)
{
    /// <summary>Which weights.</summary>
    public WeightFilter Weights { get; init => field = value ?? throw new ArgumentNullException(nameof(Weights)); }
        = Weights ?? throw new ArgumentNullException(nameof(Weights));
}

/// <summary>When the validation data is evaluated.</summary>
/// <remarks>Immutable.</remarks>
public readonly record struct EvaluationInterval
{
    [JsonConstructor]
    private EvaluationInterval(long stepCount, double epochShare) => (StepCount, EpochShare) = (stepCount, epochShare);

    /// <summary>After each epoch.</summary>
    public static EvaluationInterval Epoch => default;

    /// <summary>Steps between evaluations; 0: counted by epochs.</summary>
    public long StepCount { get; }

    /// <summary>The share of an epoch between evaluations; 0: whole epochs, or counted by steps.</summary>
    public double EpochShare { get; }

    /// <summary>After every so many steps.</summary>
    /// <param name="steps">1 or more.</param>
    public static EvaluationInterval Steps(long steps) => new(steps, 0);

    /// <summary>After every such share of an epoch.</summary>
    /// <param name="share">Above 0 and at most 1.</param>
    public static EvaluationInterval Share(double share) => new(0, share);

    internal long Resolve(long stepsInAnEpoch) =>
        StepCount > 0 ? StepCount : EpochShare > 0 ? Math.Max(1, (long)Math.Round(EpochShare * stepsInAnEpoch)) : stepsInAnEpoch;

    internal void CollectViolations(List<string> violations)
    {
        if (StepCount < 0) violations.Add($"evaluations are {StepCount} steps apart: it takes 1 or more");
        if (EpochShare is not (>= 0 and <= 1)) violations.Add($"evaluations are {EpochShare} of an epoch apart: it is above 0 and at most 1");
    }
}
