using FineTuning.Tensors;
using TorchSharp;
using static FineTuning.Tensors.Scalars;
using static TorchSharp.torch;

namespace FineTuning.Heads;

/// <summary>A loss over the log-probabilities of the model alone: CPO and SimPO.</summary>
/// <param name="beta">How strongly they count.</param>
/// <param name="smoothing">The share of labels that are taken to be wrong.</param>
/// <param name="formula">The difference of chosen and rejected to [pairs].</param>
internal sealed class ReferenceFreeLoss(double beta, double smoothing, Func<Tensor, Tensor> formula) : PairLoss(beta)
{
    /// <summary>Whether means over tokens are compared, not sums.</summary>
    public bool Averages { get; init; }

    /// <summary>What the likelihood of the chosen completion counts beside it.</summary>
    public double LikelihoodWeight { get; init; }

    /// <summary>a of AlphaPO (Gupta et al. 2025): rewards (1 - p^-a) / a of the mean probability; 0: its logarithm.</summary>
    public double RewardShape { get; init; }

    /// <summary>The margin of SimPO.</summary>
    public double Margin { get; init; }

    internal override bool NeedsReference => false;

    // The mean over tokens is the batch's.
    internal override bool AddsOverRows => LikelihoodWeight == 0;

    internal override Tensor PerPair(PreferenceScores scores)
    {
        (Tensor chosen, Tensor rejected) = Compared(scores);
        Tensor pairs = formula(chosen - rejected);
        return LikelihoodWeight == 0 ? pairs : pairs.Plus(PreferenceFormulas.Likelihood(scores) * Held(LikelihoodWeight));
    }

    internal override (Tensor Chosen, Tensor Rejected) Compared(PreferenceScores scores)
    {
        (Tensor chosen, Tensor rejected) = Averages ? scores.Means() : (scores.Chosen, scores.Rejected);
        return (Shaped(chosen), Shaped(rejected));
    }

    internal override void CollectOwnViolations(List<string> violations)
    {
        PreferenceRules.Positive(Beta, "beta", violations);
        PreferenceRules.Smoothing(smoothing, violations);
        PreferenceRules.NotNegative(LikelihoodWeight, "likelihoodWeight", violations);
        PreferenceRules.NotNegative(Margin, "margin", violations);
        if (!double.IsFinite(RewardShape)) violations.Add($"rewardShape of the preference loss is {RewardShape}: it is finite");
    }

    private Tensor Shaped(Tensor logProbability) =>
        RewardShape == 0 ? logProbability : Minus(1, (logProbability * Held(-RewardShape)).exp()) / Held(RewardShape);
}

/// <summary>
/// The likelihood of the chosen row, and the odds of the chosen completion above those of the rejected one (Hong et al. 2024, equations 6 and 7), over means
/// of log-probabilities.
/// </summary>
internal sealed class OddsRatioLoss(double beta) : PairLoss(beta)
{
    internal override bool NeedsReference => false;

    internal override bool LearnsPrompt => true;

    internal override bool AddsOverRows => false;

    internal override Tensor PerPair(PreferenceScores scores)
    {
        (Tensor chosen, Tensor rejected) = Compared(scores);
        Tensor odds = chosen - rejected - (LogOfRest(chosen) - LogOfRest(rejected));
        return PreferenceFormulas.Likelihood(scores) - nn.functional.logsigmoid(odds) * Held(Beta);
    }

    internal override (Tensor Chosen, Tensor Rejected) Compared(PreferenceScores scores) => scores.Means();

    internal override void CollectOwnViolations(List<string> violations) => PreferenceRules.Positive(Beta, "beta", violations);

    // log(1 - p). A completion that is certain to rounding would make it minus infinity, and its gradient NaN: the ceiling is the last p below 1 in float32.
    private static Tensor LogOfRest(Tensor logProbability) => logProbability.clamp_max(Held(-6e-8)).expm1().neg().log();
}
