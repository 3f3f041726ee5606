using FineTuning.Examples;
using FineTuning.Models;
using FineTuning.Tasks;
using static FineTuning.Tensors.Scalars;
using static TorchSharp.torch;

namespace FineTuning.Heads;

/// <summary>By what a model learns from pairs of completions.</summary>
/// <remarks>Immutable and thread-safe.</remarks>
internal abstract class PairLoss : PreferenceLoss<PreferencePair>
{
    private protected PairLoss(double beta)
        : base(beta)
    {
    }

    /// <summary>What the tokens behind the length of the shorter completion count. Null: as much as the others.</summary>
    public double? LengthWeight { get; private set; }

    /// <summary>Whether pairs count by how probable their completions are under the model.</summary>
    public bool IsWeighted { get; private set; }

    /// <summary>Whether the likelihood that is learned beside the preference counts the prompt's tokens too.</summary>
    internal virtual bool LearnsPrompt => false;

    /// <summary>The loss of each pair; the loss of a batch is their mean. Losses that couple pairs spread theirs over the pairs.</summary>
    /// <returns>[pairs]</returns>
    internal abstract Tensor PerPair(PreferenceScores scores);

    /// <summary>What of both completions is compared; beta times that are their rewards.</summary>
    /// <returns>Each [pairs].</returns>
    internal abstract (Tensor Chosen, Tensor Rejected) Compared(PreferenceScores scores);

    /// <summary>The rewards that the model gives to both completions.</summary>
    /// <returns>Each [pairs], without gradient.</returns>
    internal (Tensor Chosen, Tensor Rejected) Rewards(PreferenceScores scores)
    {
        (Tensor chosen, Tensor rejected) = Compared(scores);
        return (chosen.detach() * Held(Beta), rejected.detach() * Held(Beta));
    }

    public PairLoss WithLengthWeight(double weight)
    {
        var copy = (PairLoss)MemberwiseClone();
        copy.LengthWeight = weight;
        return copy;
    }

    public PairLoss WithWeights()
    {
        var copy = (PairLoss)MemberwiseClone();
        copy.IsWeighted = true;
        return copy;
    }

    internal override TunableModel<PreferencePair> On(PreferenceSource source, OutputHead? reference) => new PairTuning(source, this, reference);

    internal sealed override void CollectViolations(List<string> violations)
    {
        CollectOwnViolations(violations);
        if (LengthWeight is { } weight && weight is not (>= 0 and <= 1)) violations.Add($"the weight of longer completions is {weight}: it is from 0 to 1");
        if ((LengthWeight is not null || IsWeighted) && !NeedsReference)
            violations.Add("weights of lengths and of probabilities are for losses beside a reference: DPO and its kin");
    }

    internal abstract void CollectOwnViolations(List<string> violations);
}
