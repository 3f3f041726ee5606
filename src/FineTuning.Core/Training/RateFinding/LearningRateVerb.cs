using FineTuning.Training;

namespace FineTuning;

/// <summary>The verb of the range test.</summary>
public static class LearningRateVerb
{
    /// <summary>
    /// Trains some steps with a rate that grows with each, and says at which the loss falls and at which it grows (Smith 2017, section 3.3). Afterwards the
    /// model has the weights that it had, to the bit.
    /// </summary>
    /// <remarks>An adapter of the recipe is put on the model, as a run would. It takes a copy of the weights that can train.</remarks>
    /// <typeparam name="TExample">What the model is trained on.</typeparam>
    /// <param name="tuner">Its recipe is used but for rates, length and early stopping.</param>
    /// <param name="data">Read once; a run reads it again.</param>
    /// <param name="range">Null: 100 steps from 1e-7 to 1.</param>
    /// <param name="cancellation">Ends it with an <see cref="OperationCanceledException"/>.</param>
    /// <exception cref="Errors.InvalidOptionsException">Settings are out of range.</exception>
    /// <exception cref="Errors.TrainingDataException">A record makes the run worthless; it is named.</exception>
    public static LearningRateCurve FindLearningRate<TExample>(
        this FineTuner<TExample> tuner, IEnumerable<TExample> data, LearningRateRange? range = null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(tuner);
        ArgumentNullException.ThrowIfNull(data);
        range ??= new LearningRateRange();
        range.Require();
        TrainingOptions recipe = RangeTest.Recipe(tuner.Options, range);
        recipe.Validate(hasValidation: false);
        TrainingRun run = tuner.Run(recipe, data, validates: false);
        return run.Run(taken => RangeTest.Run(run.Model, taken, recipe, run.Observer), cancellation);
    }
}
