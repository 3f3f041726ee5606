using FineTuning.Training;

namespace FineTuning.Strategies;

/// <summary>How a run protects what was learned before it: part of the recipe of <c>FineTuner.For(model).Keeping(...)</c>, put there by it.</summary>
/// <param name="Replay">The share of the batches that are old ones, from 0 to below 1.</param>
/// <param name="Strength">Lambda of elastic weight consolidation; 0: none.</param>
/// <param name="FisherExamples">Examples of each kept task that the Fisher information is measured on.</param>
/// <param name="Distilled">The share of the loss that is the distance to the old model's answers, from 0 to 1.</param>
/// <param name="Temperature">What scores are divided by before they are compared.</param>
internal sealed record ContinuedTraining(
    double Replay = 0, double Strength = 0, int FisherExamples = 200, double Distilled = 0, double Temperature = 2) : RunFeature
{
    /// <summary>Whether old data takes part in steps.</summary>
    public bool Replays => Replay > 0;

    /// <summary>Whether anything is protected.</summary>
    public bool Protects => Replays || Strength > 0 || Distilled > 0;

    /// <summary>Whether a kept task needs the data that it has learned from.</summary>
    public bool NeedsLearned => Replays || Strength > 0;

    internal override bool CanResume => true;

    // Where the weights were, and what the Fisher information is; for a language model, with what it is taught.
    internal override int WeightCopies => (Strength > 0 ? 2 : 0) + (Distilled > 0 ? 1 : 0);

    internal override LoopFeature Start() => new ProtectedSteps(this);

    internal override void CollectViolations(List<string> violations, bool hasValidation)
    {
        if (Replay is not (>= 0 and <= 0.9)) violations.Add($"the share of replayed batches is {Replay}: it is from 0 to 0.9");
        if (Strength is not (>= 0 and < 1e12)) violations.Add($"the strength of elastic weights is {Strength}: it is from 0 to below 1e12");
        if (FisherExamples is not (>= 1 and <= 1_000_000)) violations.Add($"the Fisher information is measured on {FisherExamples} examples: it is 1 or more");
        if (Distilled is not (>= 0 and <= 1)) violations.Add($"the share of distillation is {Distilled}: it is from 0 to 1");
        if (Temperature is not (>= 0.1 and <= 100)) violations.Add($"the temperature of distillation is {Temperature}: it is from 0.1 to 100");
    }
}
