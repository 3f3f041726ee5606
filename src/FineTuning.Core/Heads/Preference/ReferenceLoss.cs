using FineTuning.Tensors;
using TorchSharp;
using static FineTuning.Tensors.Scalars;
using static TorchSharp.torch;

namespace FineTuning.Heads;

/// <summary>A loss over log-ratios to a reference.</summary>
/// <param name="beta">How strongly the log-ratios count.</param>
/// <param name="smoothing">The share of labels that are taken to be wrong.</param>
/// <param name="formula">Log-ratios to [pairs].</param>
internal sealed class ReferenceLoss(double beta, double smoothing, Func<LogRatios, Tensor> formula) : PairLoss(beta)
{
    public PolicyDivergence Divergence { get; init; }

    public double AlphaCoefficient { get; init; } = 1;

    public bool SmoothingIsNeeded { get; init; }

    public double? Temperature { get; init; }

    /// <summary>Whether the formula sorts the pairs of a batch.</summary>
    public bool SortsOverRows { get; init; }

    internal override bool NeedsReference => true;

    internal override bool AddsOverRows => !SortsOverRows;

    internal override Tensor PerPair(PreferenceScores scores)
    {
        (Tensor chosen, Tensor rejected) = Compared(scores);
        Tensor pairs = formula(
            new LogRatios(Divergences.Apply(chosen, Divergence, AlphaCoefficient), Divergences.Apply(rejected, Divergence, AlphaCoefficient), scores));
        return scores.Weights is null ? pairs : pairs * scores.Weights;
    }

    internal override (Tensor Chosen, Tensor Rejected) Compared(PreferenceScores scores)
    {
        if (scores.ReferenceChosen is null || scores.ReferenceRejected is null)
            throw new InvalidOperationException("the loss needs log-probabilities under a reference");
        return (scores.Chosen - scores.ReferenceChosen, scores.Rejected - scores.ReferenceRejected);
    }

    internal override void CollectOwnViolations(List<string> violations)
    {
        PreferenceRules.Positive(Beta, "beta", violations);
        PreferenceRules.Smoothing(smoothing, violations, zeroIsAllowed: !SmoothingIsNeeded);
        if (!Enum.IsDefined(Divergence)) violations.Add($"divergence is {Divergence}: it is one of {string.Join(", ", Enum.GetNames<PolicyDivergence>())}");
        if (!double.IsFinite(AlphaCoefficient)) violations.Add($"the alpha coefficient is {AlphaCoefficient}: it is finite");
        if (Temperature is { } temperature) PreferenceRules.Positive(temperature, "temperature", violations);
    }
}

/// <summary>Several losses at once: the sum of their weighted means (Wang et al. 2024, mixed preference optimisation).</summary>
internal sealed class CombinedLoss(IReadOnlyList<(PairLoss Loss, double Weight)> parts) : PairLoss(parts.Count == 0 ? 0 : parts[0].Loss.Beta)
{
    internal override bool NeedsReference => parts.Any(part => part.Loss.NeedsReference);

    internal override bool LearnsPrompt => parts.Any(part => part.Loss.LearnsPrompt);

    internal override bool AddsOverRows => parts.All(part => part.Loss.AddsOverRows);

    internal override Tensor PerPair(PreferenceScores scores) =>
        parts.Select(part => part.Loss.PerPair(scores) * Held(part.Weight)).Aggregate((sum, part) => sum.Plus(part));

    internal override (Tensor Chosen, Tensor Rejected) Compared(PreferenceScores scores) => parts[0].Loss.Compared(scores);

    internal override void CollectOwnViolations(List<string> violations)
    {
        if (parts.Count == 0) violations.Add("a combined preference loss has no parts: name at least one");
        foreach ((PairLoss loss, double weight) in parts)
        {
            PreferenceRules.NotNegative(weight, "a weight", violations);
            loss.CollectViolations(violations);
        }
        if (parts.Any(part => part.Loss.LengthWeight is not null || part.Loss.IsWeighted))
            violations.Add("weights of lengths and of probabilities are put around a combined loss, not on its parts");
        if (parts.Select(part => part.Loss.LearnsPrompt).Distinct().Count() > 1)
            violations.Add("ORPO learns from prompts too and is not combined with other losses");
    }
}

/// <summary>Only the likelihood of the chosen completions.</summary>
internal sealed class LikelihoodLoss() : PairLoss(1)
{
    internal override bool NeedsReference => false;

    internal override bool AddsOverRows => false;

    internal override Tensor PerPair(PreferenceScores scores) => PreferenceFormulas.Likelihood(scores);

    internal override (Tensor Chosen, Tensor Rejected) Compared(PreferenceScores scores) => (scores.Chosen, scores.Rejected);

    internal override void CollectOwnViolations(List<string> violations)
    {
    }
}
