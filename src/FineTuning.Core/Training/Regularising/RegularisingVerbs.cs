using FineTuning.Training;

namespace FineTuning;

/// <summary>The verbs against over-fitting. Each puts one feature into the recipe; the same one again replaces it.</summary>
public static class RegularisingVerbs
{
    /// <summary>Pulls weights to where the run began; see <see cref="StartingPointPenalty"/>.</summary>
    /// <typeparam name="TExample">What the model is trained on.</typeparam>
    /// <param name="tuner">Stays as it is.</param>
    /// <param name="alpha">Of what was pretrained, 0 or more. Default 0.1.</param>
    /// <param name="beta">Of the head, 0 or more. Default 0.01.</param>
    public static FineTuner<TExample> WithStartingPointPenalty<TExample>(this FineTuner<TExample> tuner, double alpha = 0.1, double beta = 0.01) =>
        tuner.With(new StartingPointPenalty(alpha, beta));

    /// <summary>Takes weights back to where the run began at random, step by step; see <see cref="Mixout"/>.</summary>
    /// <typeparam name="TExample">What the model is trained on.</typeparam>
    /// <param name="tuner">Stays as it is.</param>
    /// <param name="probability">From 0 to below 1. Default 0.7.</param>
    public static FineTuner<TExample> WithMixout<TExample>(this FineTuner<TExample> tuner, double probability = 0.7) => tuner.With(new Mixout(probability));

    /// <summary>Trains on embeddings that are moved against the model, too; see <see cref="AdversarialEmbeddings"/>.</summary>
    /// <typeparam name="TExample">What the model is trained on.</typeparam>
    /// <param name="tuner">Stays as it is.</param>
    /// <param name="epsilon">How far, above 0. Default 1.</param>
    public static FineTuner<TExample> WithAdversarialEmbeddings<TExample>(this FineTuner<TExample> tuner, double epsilon = 1) =>
        tuner.With(new AdversarialEmbeddings(epsilon));

    /// <summary>Adds noise to the token embeddings; see <see cref="NoisyEmbeddings"/>.</summary>
    /// <typeparam name="TExample">What the model is trained on.</typeparam>
    /// <param name="tuner">Stays as it is.</param>
    /// <param name="alpha">Above 0. Default 5.</param>
    public static FineTuner<TExample> WithNoisyEmbeddings<TExample>(this FineTuner<TExample> tuner, double alpha = 5) => tuner.With(new NoisyEmbeddings(alpha));

    /// <summary>Lets two passes with different dropout agree; see <see cref="DropoutConsistency"/>.</summary>
    /// <typeparam name="TExample">What the model is trained on.</typeparam>
    /// <param name="tuner">Stays as it is.</param>
    /// <param name="alpha">How much, 0 or more. Default 1.</param>
    public static FineTuner<TExample> WithDropoutConsistency<TExample>(this FineTuner<TExample> tuner, double alpha = 1) =>
        tuner.With(new DropoutConsistency(alpha));

    /// <summary>Draws the highest layers anew before the first step; see <see cref="ReinitialisedLayers"/>.</summary>
    /// <typeparam name="TExample">What the model is trained on.</typeparam>
    /// <param name="tuner">Stays as it is.</param>
    /// <param name="count">How many, 1 or more. Default 1.</param>
    public static FineTuner<TExample> ReinitialiseTopLayers<TExample>(this FineTuner<TExample> tuner, int count = 1) => tuner.With(new ReinitialisedLayers(count));

    private static FineTuner<TExample> With<TExample>(this FineTuner<TExample> tuner, RunFeature feature)
    {
        ArgumentNullException.ThrowIfNull(tuner);
        return tuner.With(options => options with { Features = [.. options.Features.Where(other => other.GetType() != feature.GetType()), feature] });
    }
}
