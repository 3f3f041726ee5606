using FineTuning.Training;

namespace FineTuning.Strategies;

/// <summary>What runs cost in rows; see <see cref="AdaptiveBudget"/>.</summary>
/// <param name="Training">Rows to learn from.</param>
/// <param name="Validation">Rows to evaluate on.</param>
/// <param name="KeepsStates">Whether what layers that do not train give is computed once.</param>
internal readonly record struct RowCost(int Training, int Validation, bool KeepsStates)
{
    /// <summary>A pass forward beside one forward and backward.</summary>
    public const double Forward = 1 / 3.0;

    // A head on kept vectors is next to nothing, and not nothing.
    private const double Head = 0.01;

    /// <summary>What a row costs in a step.</summary>
    public double Step(TuningDepth depth)
    {
        // Gradients of what an adapter leaves alone are passed on and not kept.
        if (depth.Rank is not null) return 2 * Forward;
        return Math.Max(Head, Keeps(depth) ? depth.Share : Forward + (2 * Forward * depth.Share));
    }

    /// <summary>What an evaluation costs.</summary>
    public double Evaluation(TuningDepth depth) => Validation * Math.Max(Head * Forward, Keeps(depth) ? Forward * depth.Share : Forward);

    /// <summary>What comes before the first step: states that are kept.</summary>
    public double Before(TuningDepth depth) => Keeps(depth) ? (Training + Validation) * Forward * (1 - depth.Share) : 0;

    /// <summary>What a whole run costs.</summary>
    /// <param name="depth">What trains.</param>
    /// <param name="epochs">How often the data is gone through.</param>
    /// <param name="evaluations">How often it is evaluated.</param>
    public double Run(TuningDepth depth, double epochs, double evaluations) =>
        Before(depth) + (epochs * Training * Step(depth)) + (evaluations * Evaluation(depth));

    /// <summary>What a run has cost.</summary>
    public double Of(TrainingResult run, TuningDepth depth)
    {
        bool kept = run.FrozenStates.Count == 0 || run.FrozenStates[0].NotKept is null;
        return (this with { KeepsStates = KeepsStates && kept }).Run(depth, run.Epochs, run.Evaluations.Count);
    }

    private bool Keeps(TuningDepth depth) => KeepsStates && depth.Rank is null && depth.Share < 1;
}
