using FineTuning.Training;

namespace FineTuning;

/// <summary>The verb of the weight average.</summary>
public static class WeightAverageVerb
{
    /// <summary>
    /// Evaluates and ends with an exponential moving average of the weights, which varies less than their last values; see <see cref="WeightAverage"/>.
    /// </summary>
    /// <typeparam name="TExample">What the model is trained on.</typeparam>
    /// <param name="tuner">Stays as it is.</param>
    /// <param name="decay">The share of the average that stays with each step, from 0 to below 1. Default 0.999.</param>
    public static FineTuner<TExample> WithWeightAverage<TExample>(this FineTuner<TExample> tuner, double decay = 0.999)
    {
        ArgumentNullException.ThrowIfNull(tuner);
        return tuner.With(new WeightAverage(decay));
    }
}
