using FineTuning.Examples;
using FineTuning.Models;
using FineTuning.Tasks;
using FineTuning.Tensors;
using TorchSharp;
using static FineTuning.Tensors.Scalars;
using static TorchSharp.torch;

namespace FineTuning.Heads;

/// <summary>The log-probabilities of labelled completions. Every tensor is [rows].</summary>
/// <param name="Model">log p under the model that trains.</param>
/// <param name="Reference">log p under the reference.</param>
/// <param name="Desirable">1 where the completion is desirable, else 0, in the type of the others.</param>
/// <param name="Mismatched">log p of completions of other prompts under the model, from which the divergence is estimated. Null: it is not needed.</param>
/// <param name="MismatchedReference">The same under the reference.</param>
internal sealed record UnpairedScores(Tensor Model, Tensor Reference, Tensor Desirable, Tensor? Mismatched, Tensor? MismatchedReference);

/// <summary>By what a model learns from completions with a label each; made by <see cref="PreferenceLoss"/>.</summary>
/// <remarks>Immutable and thread-safe.</remarks>
internal abstract class UnpairedLoss : PreferenceLoss<UnpairedPreference>
{
    private protected UnpairedLoss(double beta)
        : base(beta)
    {
    }

    internal sealed override bool NeedsReference => true;

    /// <summary>Whether completions of other prompts are scored too, to estimate how far the model has moved.</summary>
    internal abstract bool NeedsMismatched { get; }

    // How far the model has moved is the mean over the rows of a batch.
    internal sealed override bool AddsOverRows => !NeedsMismatched;

    /// <summary>The loss of each row; the loss of a batch is their mean.</summary>
    /// <returns>[rows]</returns>
    internal abstract Tensor PerRow(UnpairedScores scores);

    /// <returns>The reward of each row, [rows], without gradient.</returns>
    internal Tensor Rewards(UnpairedScores scores) => (scores.Model - scores.Reference).detach() * Held(Beta);

    internal override TunableModel<UnpairedPreference> On(PreferenceSource source, OutputHead? reference) => new UnpairedTuning(source, this, reference);

    internal override void CollectViolations(List<string> violations) => PreferenceRules.Positive(Beta, "beta", violations);
}

/// <summary>w (1 - s(b (l - z))) where desirable, w (1 - s(b (z - l))) where not; z is how far the model has moved on average, at least 0.</summary>
internal sealed class KtoLoss(double beta, double desirableWeight, double undesirableWeight) : UnpairedLoss(beta)
{
    internal override bool NeedsMismatched => true;

    /// <summary>z: the mean log-ratio of completions that answer other prompts, [1], without gradient.</summary>
    internal static Tensor Shift(UnpairedScores scores)
    {
        if (scores.Mismatched is null || scores.MismatchedReference is null)
            throw new InvalidOperationException("KTO needs the scores of completions of other prompts");
        return (scores.Mismatched - scores.MismatchedReference).mean().clamp_min(Held(0)).detach();
    }

    internal override Tensor PerRow(UnpairedScores scores)
    {
        Tensor moved = scores.Model - scores.Reference - Shift(scores), undesirable = Minus(1, scores.Desirable);
        // The sign turns around where the completion is undesirable.
        Tensor sign = scores.Desirable - undesirable, weight = (scores.Desirable * Held(desirableWeight)).Plus(undesirable * Held(undesirableWeight));
        return weight * Minus(1, (moved * sign * Held(Beta)).sigmoid());
    }

    internal override void CollectViolations(List<string> violations)
    {
        base.CollectViolations(violations);
        PreferenceRules.Positive(desirableWeight, "desirableWeight", violations);
        PreferenceRules.Positive(undesirableWeight, "undesirableWeight", violations);
    }
}

/// <summary>1 - s(b l) where desirable, s(b l) where not.</summary>
internal sealed class AnchoredUnpairedLoss(double beta) : UnpairedLoss(beta)
{
    internal override bool NeedsMismatched => false;

    internal override Tensor PerRow(UnpairedScores scores)
    {
        Tensor raised = ((scores.Model - scores.Reference) * Held(Beta)).sigmoid();
        return (scores.Desirable * Minus(1, raised)).Plus(Minus(1, scores.Desirable) * raised);
    }
}
