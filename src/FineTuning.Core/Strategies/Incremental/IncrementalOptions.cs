namespace FineTuning.Strategies;

/// <summary>Where a stage begins.</summary>
public enum StageStart
{
    /// <summary>Where the first began: the last stage is the plain run over all data, to the bit.</summary>
    Cold,

    /// <summary>Where the stage before ended, at its best weights. Less to learn, and sometimes a worse end (Ash and Adams 2020).</summary>
    Warm,

    /// <summary>Between where the first began and where the stage before ended, with a little noise (shrink and perturb, Ash and Adams 2020).</summary>
    ShrinkAndPerturb,

    /// <summary>
    /// Where the stage before stood when its rate began to fall: each stage has a warm-up-stable-decay schedule, cools down to be measured, and the next
    /// goes on
    /// from before that.
    /// </summary>
    Stable,
}

/// <summary>How a model is tuned on growing parts of its data.</summary>
/// <remarks>Immutable; change a copy with <c>with</c>.</remarks>
public sealed record IncrementalOptions
{
    /// <summary>The rows of each stage, rising; at most as many as there are. Null: all, and parts by <see cref="Growth"/>.</summary>
    public IReadOnlyList<int>? Stages { get; init; }

    /// <summary>
    /// How many times as large a stage is as the one before, from 1.2 to 100. Default 4: all stages together cost a third more than the last.
    /// </summary>
    public double Growth { get; init; } = 4;

    /// <summary>The smallest first stage, 2 or more rows. Default 50.</summary>
    public int FirstRows { get; init; } = 50;

    /// <summary>Where a stage begins. Default: where the first began.</summary>
    public StageStart Start { get; init; } = StageStart.Cold;

    /// <summary>
    /// With <see cref="StageStart.ShrinkAndPerturb"/>: the share of the way from the first beginning to the last end, from 0 to 1. Default 0.5.
    /// </summary>
    public double Shrink { get; init; } = 0.5;

    /// <summary>With <see cref="StageStart.ShrinkAndPerturb"/>: the noise, as a share of each matrix's standard deviation, from 0 to 1. Default 0.01.</summary>
    public double Perturb { get; init; } = 0.01;

    /// <summary>With <see cref="StageStart.Stable"/>: the share of a stage in which the rate falls, above 0 and below 1. Default 0.2.</summary>
    public double CoolDown { get; init; } = 0.2;

    /// <summary>
    /// Stages end when the next is not predicted to pay: when it is expected, with a probability of 90 %, to gain less than this, in the metric's own unit;
    /// 0 or
    /// more. Null: all stages are run. Default 0.001. Nothing is predicted before the third stage.
    /// </summary>
    public double? MinimalGain { get; init; } = 0.001;

    /// <summary>What a further label costs. Null: the forecast speaks of points alone.</summary>
    public decimal? PricePerLabel { get; init; }

    /// <summary>What a point (a hundredth of an accuracy) is worth. Null: the forecast does not say whether labels are worth their price.</summary>
    public decimal? ValuePerPoint { get; init; }

    /// <summary>
    /// Rows and scores of earlier stages, with fewer rows than the first of this run, from which the forecast goes on: those of a saved model.
    /// </summary>
    public IReadOnlyList<StageScore> Earlier { get; init => field = value ?? throw new ArgumentNullException(nameof(Earlier)); } = [];

    internal void CollectViolations(List<string> violations)
    {
        if (Stages is { } stages)
        {
            if (stages.Count == 0 || stages[0] < 1) violations.Add("Stages has no rows in its first stage: name rising numbers of rows");
            for (int i = 1; i < stages.Count; i++)
            {
                if (stages[i] <= stages[i - 1]) violations.Add($"Stages[{i}] is {stages[i]} rows behind {stages[i - 1]}: stages grow");
            }
        }
        if (Growth is not (>= 1.2 and <= 100)) violations.Add($"Growth is {Growth}: it is from 1.2 to 100");
        if (FirstRows < 2) violations.Add($"FirstRows is {FirstRows}: it is 2 or more");
        if (!Enum.IsDefined(Start)) violations.Add($"Start is {Start}: it is {string.Join(", ", Enum.GetNames<StageStart>())}");
        if (Shrink is not (>= 0 and <= 1)) violations.Add($"Shrink is {Shrink}: it is from 0 to 1");
        if (Perturb is not (>= 0 and <= 1)) violations.Add($"Perturb is {Perturb}: it is from 0 to 1");
        if (CoolDown is not (> 0 and < 1)) violations.Add($"CoolDown is {CoolDown}: it is above 0 and below 1");
        if (MinimalGain is not (null or (>= 0 and < double.PositiveInfinity))) violations.Add($"MinimalGain is {MinimalGain}: it is 0 or more");
        if (PricePerLabel < 0) violations.Add($"PricePerLabel is {PricePerLabel}: it is 0 or more");
        if (ValuePerPoint < 0) violations.Add($"ValuePerPoint is {ValuePerPoint}: it is 0 or more");
        for (int i = 1; i < Earlier.Count; i++)
        {
            if (Earlier[i].Rows <= Earlier[i - 1].Rows) violations.Add($"Earlier[{i}] has {Earlier[i].Rows} rows behind {Earlier[i - 1].Rows}: stages grow");
        }
    }
}

/// <summary>The score of a stage.</summary>
/// <param name="Rows">Training rows, 1 or more.</param>
/// <param name="Score">The metric on the same evaluation data.</param>
public sealed record StageScore(long Rows, double Score);
