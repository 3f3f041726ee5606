using FineTuning.Training;

namespace FineTuning;

/// <summary>The verbs that say what happens where the loss or a gradient is NaN or infinite; without them the run ends with an exception.</summary>
public static class DivergenceVerbs
{
    /// <summary>
    /// Leaves such a step out: weights and optimizer stay as they are. It counts as a step with the loss 0, and is a warning with its records.
    /// </summary>
    /// <typeparam name="TExample">What the model is trained on.</typeparam>
    /// <param name="tuner">Stays as it is.</param>
    /// <param name="most">How many steps may be left out, 1 or more. The next one ends the run.</param>
    public static FineTuner<TExample> SkipDivergedSteps<TExample>(this FineTuner<TExample> tuner, int most = 10)
    {
        ArgumentNullException.ThrowIfNull(tuner);
        return tuner.With(new DivergenceGuard(most));
    }

    /// <summary>Goes back to the last good state, with a lower learning rate from there on.</summary>
    /// <remarks>
    /// Needs the memory of one more copy of the state. After a resumption the first good state is that of the checkpoint: a run that diverges later may go
    /// back to another step than it would have without the interruption.
    /// </remarks>
    /// <typeparam name="TExample">What the model is trained on.</typeparam>
    /// <param name="tuner">Stays as it is.</param>
    /// <param name="rateFactor">What the rate is multiplied by each time, above 0 and below 1. Default 0.5.</param>
    /// <param name="most">How often, 1 or more. The next time ends the run. Default 3.</param>
    /// <param name="every">Steps between two states that are kept, 1 or more. Default 100.</param>
    public static FineTuner<TExample> ReturnWhenDiverged<TExample>(this FineTuner<TExample> tuner, double rateFactor = 0.5, int most = 3, long every = 100)
    {
        ArgumentNullException.ThrowIfNull(tuner);
        return tuner.With(new DivergenceGuard(most, rateFactor, every));
    }
}
