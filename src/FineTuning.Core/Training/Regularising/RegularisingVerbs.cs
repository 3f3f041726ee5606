using FineTuning.Training;

namespace FineTuning;

/// <summary>The verbs against over-fitting. Each puts one feature into the recipe; the same one again replaces it.</summary>
public static class RegularisingVerbs
{
    /// <summary>
    /// Pulls weights to where the run began, alpha / 2 |w - w0|^2, and the head to zero, beta / 2 |w|^2 (L2-SP, Li, Grandvalet and Davoine 2018, equation 3).
    /// It takes a copy of the weights that train; the loss that is reported is without it.
    /// </summary>
    /// <typeparam name="TExample">What the model is trained on.</typeparam>
    /// <param name="tuner">Stays as it is.</param>
    /// <param name="alpha">Of what was pretrained, 0 or more. Default 0.1.</param>
    /// <param name="beta">Of the head, 0 or more. Default 0.01.</param>
    public static FineTuner<TExample> WithStartingPointPenalty<TExample>(this FineTuner<TExample> tuner, double alpha = 0.1, double beta = 0.01) =>
        Required(tuner).With(new StartingPointPenalty(alpha, beta));

    /// <summary>
    /// In each step, takes each number of the trunk's matrices back to where the run began with a probability, and scales the rest (Lee, Cho and Kang 2020).
    /// It takes two copies of the matrices that train.
    /// </summary>
    /// <typeparam name="TExample">What the model is trained on.</typeparam>
    /// <param name="tuner">Stays as it is.</param>
    /// <param name="probability">From 0 to below 1. Default 0.7.</param>
    public static FineTuner<TExample> WithMixout<TExample>(this FineTuner<TExample> tuner, double probability = 0.7) =>
        Required(tuner).With(new Mixout(probability));

    /// <summary>
    /// Trains each micro-batch a second time with the token embeddings moved against it by epsilon g / |g| (Miyato, Dai and Goodfellow 2017, equation 5).
    /// A step takes twice the time; the embeddings must train.
    /// </summary>
    /// <typeparam name="TExample">What the model is trained on.</typeparam>
    /// <param name="tuner">Stays as it is.</param>
    /// <param name="epsilon">How far, above 0. Default 1.</param>
    public static FineTuner<TExample> WithAdversarialEmbeddings<TExample>(this FineTuner<TExample> tuner, double epsilon = 1) =>
        Required(tuner).With(new AdversarialEmbeddings(epsilon));

    /// <summary>Adds U(-1, 1) alpha / sqrt(L d) to the token embeddings of a text of L tokens and width d in training (NEFTune, Jain et al. 2023).</summary>
    /// <typeparam name="TExample">What the model is trained on.</typeparam>
    /// <param name="tuner">Stays as it is.</param>
    /// <param name="alpha">Above 0. Default 5.</param>
    public static FineTuner<TExample> WithNoisyEmbeddings<TExample>(this FineTuner<TExample> tuner, double alpha = 5) =>
        Required(tuner).With(new NoisyEmbeddings(alpha));

    /// <summary>
    /// Lets two passes with different dropout agree: 1/2 (CE(p) + CE(q)) + alpha/2 (KL(p|q) + KL(q|p)) (R-Drop, Liang et al. 2021, equations 2 to 4).
    /// For classifiers and taggers. A step takes twice the time.
    /// </summary>
    /// <typeparam name="TExample">What the model is trained on.</typeparam>
    /// <param name="tuner">Stays as it is.</param>
    /// <param name="alpha">How much, 0 or more. Default 1.</param>
    public static FineTuner<TExample> WithDropoutConsistency<TExample>(this FineTuner<TExample> tuner, double alpha = 1) =>
        Required(tuner).With(new DropoutConsistency(alpha));

    /// <summary>Draws the trunk's highest layers anew before the first step (Zhang et al. 2021, "Revisiting few-sample BERT fine-tuning", section 5).</summary>
    /// <typeparam name="TExample">What the model is trained on.</typeparam>
    /// <param name="tuner">Stays as it is.</param>
    /// <param name="count">How many, 1 or more. Default 1.</param>
    public static FineTuner<TExample> ReinitialiseTopLayers<TExample>(this FineTuner<TExample> tuner, int count = 1) =>
        Required(tuner).With(new ReinitialisedLayers(count));

    private static FineTuner<TExample> Required<TExample>(FineTuner<TExample> tuner) => tuner ?? throw new ArgumentNullException(nameof(tuner));
}
