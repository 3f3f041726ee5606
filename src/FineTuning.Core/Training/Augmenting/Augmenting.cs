using FineTuning.Errors;

namespace FineTuning.Training;

/// <summary>Changes the texts of training rows anew in every epoch. Evaluations read them as they are.</summary>
/// <param name="Share">The share of the rows of an epoch that are changed, above 0 and at most 1; the others are as they are.</param>
internal sealed record Augmenting(double Share) : RunFeature
{
    /// <summary>One after another.</summary>
    public IReadOnlyList<Augmentation> Augmentations
    {
        get;
        init
        {
            NullMembers.RequireEntries(value, nameof(Augmentations));
            field = ValueList<Augmentation>.Of(value);
        }
    } = ValueList<Augmentation>.Empty;

    // Rows are drawn by seed, epoch and row: there is nothing to carry from step to step.
    internal override bool CanResume => true;

    internal override LoopFeature Start() => new Nothing();

    internal override void CollectViolations(List<string> violations, bool hasValidation)
    {
        if (Share is not (> 0 and <= 1)) violations.Add($"the share of rows that are augmented is {Share}: it is above 0 and at most 1");
        if (Augmentations.Count == 0) violations.Add("no augmentation is named: name one, for example Augmentation.Words()");
        foreach (Augmentation augmentation in Augmentations) augmentation.CollectViolations(violations);
    }

    // The model's rows are changed where they become a batch: the loop has nothing to do.
    private sealed class Nothing : LoopFeature;
}
