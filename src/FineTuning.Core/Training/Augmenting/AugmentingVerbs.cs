using FineTuning.Errors;
using FineTuning.Training;

namespace FineTuning;

/// <summary>The verbs that change what is trained on.</summary>
public static class AugmentingVerbs
{
    /// <summary>
    /// Changes the texts of training rows anew in every epoch, as a function of seed, epoch and row; labels hold and entities stay right. Evaluations read the
    /// texts as they are.
    /// </summary>
    /// <typeparam name="TExample">What the model is trained on.</typeparam>
    /// <param name="tuner">Stays as it is.</param>
    /// <param name="augmentations">One after another on each row that is changed, for example <c>[Augmentation.Words(), Augmentation.Characters()]</c>.</param>
    /// <param name="share">The share of the rows of an epoch that are changed, above 0 and at most 1. Default 0.5.</param>
    public static FineTuner<TExample> WithAugmentation<TExample>(this FineTuner<TExample> tuner, IReadOnlyList<Augmentation> augmentations, double share = 0.5)
    {
        ArgumentNullException.ThrowIfNull(tuner);
        NullMembers.RequireEntries(augmentations, nameof(augmentations));
        return tuner.With(new Augmenting(share) { Augmentations = augmentations });
    }

    /// <summary>
    /// Mixes the hidden states of two texts that the head reads, and the losses of both their targets (mixup, Zhang et al. 2018; Guo, Mao and Zhang 2019), in
    /// shares drawn from Beta(alpha, alpha) for each step. For heads that read one vector of a text. A step takes twice the time.
    /// </summary>
    /// <typeparam name="TExample">What the model is trained on.</typeparam>
    /// <param name="tuner">Stays as it is.</param>
    /// <param name="alpha">From 0.01 to 4. Default 0.2: most mixtures are nearly one of both.</param>
    public static FineTuner<TExample> WithMixup<TExample>(this FineTuner<TExample> tuner, double alpha = 0.2)
    {
        ArgumentNullException.ThrowIfNull(tuner);
        return tuner.With(new StateMixup(alpha));
    }
}
