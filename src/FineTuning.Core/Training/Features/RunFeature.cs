namespace FineTuning.Training;

/// <summary>
/// Something that a run does in addition to the recipe's own settings: a plain value that stands in the recipe, compared and stored by its settings.
/// </summary>
/// <remarks>
/// A feature is a folder: its record, what it does at the points of the loop, and one extension method of the tuner. The loop never learns of it. Immutable.
/// </remarks>
public abstract record RunFeature
{
    private protected RunFeature()
    {
    }

    /// <summary>What it keeps and does in one run.</summary>
    internal abstract LoopFeature Start();

    /// <summary>Changes the model before the run takes it for itself.</summary>
    internal virtual void Prepare(Tasks.TunableModel model)
    {
    }

    /// <summary>Whether a run with it learns something else than a run without. False: it watches, and two recipes that differ in it are one.</summary>
    internal virtual bool ChangesTheResult => true;

    /// <summary>Whether it exports all that it carries from step to step. False: a run with it cannot be continued from a checkpoint.</summary>
    internal virtual bool CanResume => false;

    /// <summary>Whether it changes in training what the lowest layer reads: what lies above is another in every step then, whether it trains or not.</summary>
    internal virtual bool ChangesInputs => false;

    /// <summary>How many copies of the weights its state holds, at most.</summary>
    internal virtual int WeightCopies => 0;

    /// <summary>Adds what is wrong with the settings.</summary>
    internal virtual void CollectViolations(List<string> violations, bool hasValidation)
    {
    }

    /// <summary>Adds what does not go together with the rest of the recipe.</summary>
    internal virtual void CollectConflicts(List<string> violations, TrainingOptions recipe)
    {
    }
}
