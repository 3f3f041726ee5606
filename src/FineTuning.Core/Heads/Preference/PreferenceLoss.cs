using static TorchSharp.torch;

namespace FineTuning.Heads;

/// <summary>By what a model learns from pairs of completions; made by <see cref="PreferenceLosses"/>.</summary>
/// <remarks>Immutable and thread-safe.</remarks>
internal abstract record PreferenceLoss
{
    private protected PreferenceLoss(double beta) => Beta = beta;

    /// <summary>How strongly rewards count; see each loss.</summary>
    public double Beta { get; }

    /// <summary>Whether log-probabilities under a reference, the model before training, are needed.</summary>
    public abstract bool NeedsReference { get; }

    /// <summary>Whether the likelihood that is learned beside the preference counts the prompt's tokens too.</summary>
    internal virtual bool LearnsPrompt => false;

    /// <summary>The loss of each pair; the loss of a batch is their mean. Losses that couple pairs spread theirs over the pairs.</summary>
    /// <returns>[pairs]</returns>
    internal abstract Tensor PerPair(PreferenceScores scores);

    /// <summary>The rewards that the model gives to both completions.</summary>
    /// <returns>Each [pairs], without gradient.</returns>
    internal abstract (Tensor Chosen, Tensor Rejected) Rewards(PreferenceScores scores);

    internal abstract void CollectViolations(List<string> violations);
}

/// <summary>Bounds of the losses' settings.</summary>
internal static class PreferenceRules
{
    public static void Positive(double value, string name, List<string> violations)
    {
        if (!(value > 0 && double.IsFinite(value))) violations.Add($"{name} of the preference loss is {value}: it is above 0 and finite");
    }

    public static void NotNegative(double value, string name, List<string> violations)
    {
        if (!(value >= 0 && double.IsFinite(value))) violations.Add($"{name} of the preference loss is {value}: it is 0 or more and finite");
    }

    /// <summary>From 0 to below a half: from a half on, the rejected completion would be learned.</summary>
    public static void Smoothing(double value, List<string> violations, bool zeroIsAllowed = true)
    {
        if (!(value < 0.5 && (value > 0 || (zeroIsAllowed && value == 0))))
        {
            violations.Add($"smoothing of the preference loss is {value}: it is {(zeroIsAllowed ? "from 0" : "above 0")} to below 0.5");
        }
    }
}
