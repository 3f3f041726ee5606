using System.Globalization;
using FineTuning.Training;

namespace FineTuning.Strategies;

/// <summary>How far the chosen recipe is compared with the tuner's own.</summary>
internal enum PlainComparison
{
    /// <summary>Not at all.</summary>
    None,

    /// <summary>Both for a third of their length; the better one then goes on at full length.</summary>
    Short,

    /// <summary>Both at full length.</summary>
    Whole,
}

/// <summary>What was chosen, within what is left of the budget: a function of measurements, recipe and budget alone.</summary>
/// <param name="Depth">What trains.</param>
/// <param name="Recipe">The whole recipe.</param>
/// <param name="Comparison">Whether the tuner's own recipe runs, too.</param>
/// <param name="Reasons">Why, a sentence each.</param>
internal sealed record AdaptiveChoice(TuningDepth Depth, TrainingOptions Recipe, PlainComparison Comparison, IReadOnlyList<string> Reasons)
{
    private const int MostEvaluations = 8, LeastEvaluations = 2;
    // Of the compute of training, what evaluations may take.
    private const double EvaluationShare = 0.25;

    /// <summary>The share of a whole run that a short one has.</summary>
    public const double ShortShare = 1 / 3.0;

    /// <summary>Chooses.</summary>
    /// <param name="measured">What was measured.</param>
    /// <param name="depth">What is to train, and why.</param>
    /// <param name="plain">The tuner's own recipe.</param>
    /// <param name="cost">What runs cost.</param>
    /// <param name="left">Rows that are left of the budget.</param>
    public static AdaptiveChoice Of(
        AdaptiveMeasurements measured, (TuningDepth Depth, string Reason) depth, TrainingOptions plain, RowCost cost, double left)
    {
        var reasons = new List<string> { depth.Reason };
        (int batch, string batchReason) = AdaptiveRules.Batch(measured);
        if (plain.TokenBudget is not null)
        {
            batch = Math.Max(1, Math.Min(measured.TrainingRows, 16));
            batchReason = "batches stay those of the tuner's token budget";
        }
        int stepsInAnEpoch = Math.Max(1, (measured.TrainingRows + batch - 1) / batch);
        (int wanted, int least, string epochReason) = AdaptiveRules.Epochs(measured, depth.Depth, batch);
        TuningDepth own = depth.Depth;
        (int epochs, PlainComparison comparison) = Fitted(own, wanted, least, PlainDepth(measured), plain, cost, left);
        while (epochs == 0 && own is { Rank: null, Layers: > 0, Of: > 0 })
        {
            // Less deep, until it fits.
            own = own with { Layers = measured.LayersAreApart ? own.Layers / 2 : 0 };
            (epochs, comparison) = Fitted(own, wanted, least, PlainDepth(measured), plain, cost, left);
        }
        if (own != depth.Depth) reasons.Add(Say($"the {left:0} rows that are left of the budget have no room for that: {own} trains"));
        epochs = Math.Max(1, epochs);
        (double rate, string rateReason) = AdaptiveRules.Rate(own == depth.Depth ? measured : measured with { Rates = null }, own, batch, plain.Optimizer);
        reasons.AddRange([batchReason, epochs < wanted ? Say($"{epochReason}; the budget has room for {epochs}") : epochReason, rateReason]);
        TrainingOptions recipe = own.On(plain) with { Epochs = epochs, Optimizer = plain.Optimizer with { LearningRate = rate } };
        if (plain.TokenBudget is null)
        {
            int micro = Math.Min(batch, plain.BatchSize);
            recipe = recipe with { BatchSize = micro, Accumulation = (batch + micro - 1) / micro };
        }
        int evaluations = EvaluationsOf(own, epochs, cost);
        if (plain.EvaluateEvery == EvaluationInterval.Epoch && epochs > evaluations)
            recipe = recipe with { EvaluateEvery = EvaluationInterval.Steps((long)stepsInAnEpoch * ((epochs + evaluations - 1) / evaluations)) };
        (recipe, string regular) = AdaptiveRules.Regularised(measured, own, recipe, Evaluations(recipe, epochs, stepsInAnEpoch));
        reasons.AddRange([regular, comparison switch
        {
            PlainComparison.Whole => "the tuner's own recipe is run as well, and the better one on the validation data is kept",
            PlainComparison.Short => "this and the tuner's own recipe are run for a third of their length, and the better one goes on",
            _ when own.Rank is not null => "there is no comparison with the tuner's own recipe, which trains the weights themselves",
            _ => "the budget has no room for a comparison with the tuner's own recipe",
        }]);
        return new(own, recipe, comparison, reasons);
    }

    /// <summary>What the tuner's own recipe trains.</summary>
    public static TuningDepth PlainDepth(AdaptiveMeasurements measured) => new(measured.TrunkTrains ? measured.Layers : 0, measured.Layers);

    /// <summary>What a run of a recipe costs.</summary>
    public static double CostOf(TuningDepth depth, TrainingOptions recipe, RowCost cost)
    {
        int epochs = recipe.Epochs ?? 3, rows = recipe.BatchSize * recipe.Accumulation;
        return cost.Run(depth, epochs, Evaluations(recipe, epochs, Math.Max(1, (cost.Training + rows - 1) / rows)));
    }

    // The most epochs, and with which comparison; 0: not one fits.
    private static (int Epochs, PlainComparison Comparison) Fitted(
        TuningDepth depth, int wanted, int least, TuningDepth plainDepth, TrainingOptions plain, RowCost cost, double left)
    {
        double Cost(int epochs) => cost.Run(depth, epochs, plain.EvaluateEvery == EvaluationInterval.Epoch ? EvaluationsOf(depth, epochs, cost) : epochs);
        double own = CostOf(plainDepth, plain, cost);
        int Most(double room, int from, int to) => Enumerable.Range(from, Math.Max(0, to - from + 1)).LastOrDefault(epochs => Cost(epochs) <= room);
        if (depth.Rank is null)
        {
            if (Most(left - own, least, wanted) is > 0 and var whole) return (whole, PlainComparison.Whole);
            double room = left - (ShortShare * own);
            int most = Enumerable.Range(least, Math.Max(0, wanted - least + 1))
                .LastOrDefault(epochs => (ShortShare * Cost(epochs)) + Math.Max(own, Cost(epochs)) <= room);
            if (most >= 3) return (most, PlainComparison.Short);
        }
        return (Most(left, 1, wanted), PlainComparison.None);
    }

    // Whole epochs stand between them.
    private static int EvaluationsOf(TuningDepth depth, int epochs, RowCost cost)
    {
        double most = EvaluationShare * epochs * cost.Training * cost.Step(depth) / Math.Max(1e-9, cost.Evaluation(depth));
        return Math.Min(epochs, (int)Math.Clamp(most, LeastEvaluations, MostEvaluations));
    }

    private static int Evaluations(TrainingOptions recipe, int epochs, int stepsInAnEpoch)
    {
        long every = recipe.EvaluateEvery.Resolve(stepsInAnEpoch);
        return (int)Math.Max(1, (((long)epochs * stepsInAnEpoch) + every - 1) / every);
    }

    private static string Say(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
