using FineTuning.Training;

namespace FineTuning;

/// <summary>The verb of greedy soups.</summary>
public static class GreedySoupVerb
{
    /// <summary>
    /// Ends with a mean of the weights of several evaluations: from the best down, each is added where the metric of the validation data does not become worse
    /// (greedy soup, Wortsman et al. 2022). At the end it costs an evaluation for each candidate but the first, and memory for a copy of the weights for each.
    /// </summary>
    /// <typeparam name="TExample">What the model is trained on.</typeparam>
    /// <param name="tuner">Stays as it is; with validation data.</param>
    /// <param name="candidates">How many of the best evaluations take part at most, from 2 to 100. Default 5.</param>
    public static FineTuner<TExample> WithGreedySoup<TExample>(this FineTuner<TExample> tuner, int candidates = 5)
    {
        ArgumentNullException.ThrowIfNull(tuner);
        return tuner.With(new GreedySoup(candidates));
    }
}
