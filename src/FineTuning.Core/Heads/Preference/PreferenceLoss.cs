using FineTuning.Examples;
using FineTuning.Models;
using FineTuning.Tasks;

namespace FineTuning.Heads;

/// <summary>By what a model that writes learns which completions are better; made by <see cref="PreferenceLoss"/>.</summary>
/// <typeparam name="TExample">What it learns from: <see cref="Examples.PreferencePair"/> or <see cref="Examples.UnpairedPreference"/>.</typeparam>
/// <remarks>Immutable and thread-safe.</remarks>
public abstract class PreferenceLoss<TExample>
{
    private protected PreferenceLoss(double beta) => Beta = beta;

    /// <summary>How strongly rewards count; see each loss.</summary>
    internal double Beta { get; }

    /// <summary>Whether log-probabilities under a reference, the model before training, are needed.</summary>
    internal abstract bool NeedsReference { get; }

    /// <summary>Whether the sum over a batch is that over its parts; false: what a row's loss is depends on the other rows of its batch.</summary>
    internal virtual bool AddsOverRows => true;

    /// <summary>A model that learns by the loss, as a view of one that writes.</summary>
    internal abstract TunableModel<TExample> On(PreferenceSource source, OutputHead? reference);

    internal abstract void CollectViolations(List<string> violations);
}

/// <summary>
/// The losses of preference tuning: <c>FineTuner.For(model.With(PreferenceLoss.Dpo()))</c>. Those with a reference hold the model near what it was before
/// training; the others need none.
/// </summary>
public static class PreferenceLoss
{
    /// <summary>Direct preference optimisation (Rafailov et al. 2023, equation 7); with smoothing conservative DPO (Mitchell 2023).</summary>
    /// <param name="beta">How strongly the model is held to its reference, above 0. Default 0.1.</param>
    /// <param name="smoothing">The share of pairs that are taken to be labelled wrongly, from 0 to below 0.5.</param>
    /// <param name="divergence">By which divergence it is held.</param>
    /// <param name="alpha">The coefficient of the alpha divergence.</param>
    public static PreferenceLoss<PreferencePair> Dpo(double beta = 0.1, double smoothing = 0, PolicyDivergence divergence = default, double alpha = 1) =>
        new ReferenceLoss(beta, smoothing, ratios => PreferenceFormulas.Sigmoid(ratios.Difference, beta, smoothing))
            { Divergence = divergence, AlphaCoefficient = alpha };

    /// <summary>DPO over means of log-ratios, which favours no length.</summary>
    /// <inheritdoc cref="Dpo"/>
    public static PreferenceLoss<PreferencePair> NormalizedDpo(
        double beta = 0.1, double smoothing = 0, PolicyDivergence divergence = default, double alpha = 1) =>
        new ReferenceLoss(beta, smoothing, ratios => PreferenceFormulas.Sigmoid(PreferenceFormulas.MeanDifference(ratios), beta, smoothing))
        {
            Divergence = divergence,
            AlphaCoefficient = alpha,
        };

    /// <summary>Identity preference optimisation (Azar et al. 2023, equation 17), over means of log-ratios.</summary>
    /// <param name="beta">The paper's tau, above 0. Default 0.1.</param>
    /// <param name="divergence">By which divergence the model is held to its reference.</param>
    /// <param name="alpha">The coefficient of the alpha divergence.</param>
    public static PreferenceLoss<PreferencePair> Ipo(double beta = 0.1, PolicyDivergence divergence = default, double alpha = 1) =>
        new ReferenceLoss(beta, 0, ratios => PreferenceFormulas.Identity(PreferenceFormulas.MeanDifference(ratios), beta))
        {
            Divergence = divergence,
            AlphaCoefficient = alpha,
        };

    /// <summary>A hinge on the difference of log-ratios (Zhao et al. 2023).</summary>
    /// <param name="beta">Above 0. Default 0.1.</param>
    /// <param name="divergence">By which divergence the model is held to its reference.</param>
    /// <param name="alpha">The coefficient of the alpha divergence.</param>
    public static PreferenceLoss<PreferencePair> Hinge(double beta = 0.1, PolicyDivergence divergence = default, double alpha = 1) =>
        new ReferenceLoss(beta, 0, ratios => PreferenceFormulas.Hinge(ratios.Difference, beta)) { Divergence = divergence, AlphaCoefficient = alpha };

    /// <summary>DPO that is unbiased where a known share of labels is wrong (Ray Chowdhury et al. 2024).</summary>
    /// <param name="beta">Above 0. Default 0.1.</param>
    /// <param name="smoothing">That share, from 0 to below 0.5.</param>
    /// <param name="divergence">By which divergence the model is held to its reference.</param>
    /// <param name="alpha">The coefficient of the alpha divergence.</param>
    public static PreferenceLoss<PreferencePair> Robust(double beta = 0.1, double smoothing = 0.1, PolicyDivergence divergence = default, double alpha = 1) =>
        new ReferenceLoss(beta, smoothing, ratios => PreferenceFormulas.Robust(ratios.Difference, beta, smoothing))
            { Divergence = divergence, AlphaCoefficient = alpha };

    /// <summary>Exact optimisation (Ji et al. 2024, equation 16).</summary>
    /// <param name="beta">Above 0. Default 0.1.</param>
    /// <param name="smoothing">Above 0 and below 0.5.</param>
    /// <param name="divergence">By which divergence the model is held to its reference.</param>
    /// <param name="alpha">The coefficient of the alpha divergence.</param>
    public static PreferenceLoss<PreferencePair> Exo(double beta = 0.1, double smoothing = 1e-3, PolicyDivergence divergence = default, double alpha = 1) =>
        new ReferenceLoss(beta, smoothing, ratios => PreferenceFormulas.Exact(ratios.Difference, beta, smoothing))
        {
            Divergence = divergence,
            AlphaCoefficient = alpha,
            SmoothingIsNeeded = true,
        };

    /// <summary>A loss that a language model discovered (Lu et al. 2024, equation 5).</summary>
    /// <param name="beta">Above 0. Default 0.1.</param>
    /// <param name="temperature">How sharply its two parts are mixed, above 0.</param>
    /// <param name="divergence">By which divergence the model is held to its reference.</param>
    /// <param name="alpha">The coefficient of the alpha divergence.</param>
    public static PreferenceLoss<PreferencePair> DiscoPop(
        double beta = 0.1, double temperature = 0.05, PolicyDivergence divergence = default, double alpha = 1) =>
        new ReferenceLoss(beta, 0, ratios => PreferenceFormulas.Discovered(ratios.Difference, beta, temperature))
        {
            Divergence = divergence,
            AlphaCoefficient = alpha,
            Temperature = temperature,
        };

    /// <summary>Noise contrastive alignment (Chen et al. 2024): the chosen completion must not become less probable.</summary>
    /// <param name="beta">Above 0. Default 0.1.</param>
    public static PreferenceLoss<PreferencePair> Nca(double beta = 0.1) =>
        new ReferenceLoss(beta, 0, ratios => PreferenceFormulas.NoiseContrastive(ratios, beta));

    /// <summary>A binary classifier of completions (Jung et al. 2024), without the running mean of rewards.</summary>
    /// <param name="beta">Above 0. Default 0.1.</param>
    public static PreferenceLoss<PreferencePair> Bco(double beta = 0.1) =>
        new ReferenceLoss(beta, 0, ratios => PreferenceFormulas.BinaryClassifier(ratios, beta));

    /// <summary>Self-play with hard labels (Wu et al. 2024, equation 4.7).</summary>
    /// <param name="beta">Above 0. Default 0.1.</param>
    public static PreferenceLoss<PreferencePair> Sppo(double beta = 0.1) => new ReferenceLoss(beta, 0, ratios => PreferenceFormulas.SelfPlay(ratios, beta));

    /// <summary>Alignment by optimal transport of paired differences, sorted over the batch (Melnyk et al. 2024).</summary>
    /// <param name="beta">Above 0. Default 0.1.</param>
    /// <param name="smoothing">From 0 to below 0.5.</param>
    public static PreferenceLoss<PreferencePair> Aot(double beta = 0.1, double smoothing = 0) =>
        new ReferenceLoss(beta, smoothing, ratios => PreferenceFormulas.Transport(
            ratios.Scores.Chosen - ratios.Scores.Rejected, ratios.Scores.ReferenceChosen! - ratios.Scores.ReferenceRejected!, beta, smoothing))
        {
            SortsOverRows = true,
        };

    /// <summary>Alignment by optimal transport of chosen above rejected log-ratios, sorted over the batch (Melnyk et al. 2024).</summary>
    /// <param name="beta">Above 0. Default 0.1.</param>
    /// <param name="smoothing">From 0 to below 0.5.</param>
    public static PreferenceLoss<PreferencePair> AotUnpaired(double beta = 0.1, double smoothing = 0) =>
        new ReferenceLoss(beta, smoothing, ratios => PreferenceFormulas.Transport(ratios.Chosen, ratios.Rejected, beta, smoothing))
        {
            SortsOverRows = true,
        };

    /// <summary>Anchored preference optimisation for data better than the model (D'Oosterlinck et al. 2024, equation 7).</summary>
    /// <param name="beta">Above 0. Default 0.1.</param>
    public static PreferenceLoss<PreferencePair> ApoZero(double beta = 0.1) =>
        new ReferenceLoss(beta, 0, ratios => PreferenceFormulas.AnchoredZero(ratios, beta));

    /// <summary>Anchored preference optimisation for data worse than the model (D'Oosterlinck et al. 2024, equation 8).</summary>
    /// <param name="beta">Above 0. Default 0.1.</param>
    public static PreferenceLoss<PreferencePair> ApoDown(double beta = 0.1) =>
        new ReferenceLoss(beta, 0, ratios => PreferenceFormulas.AnchoredDown(ratios, beta));

    /// <summary>Contrastive preference optimisation (Xu et al. 2024): DPO without a reference, and the likelihood of the chosen completion.</summary>
    /// <param name="beta">Above 0. Default 0.1.</param>
    /// <param name="smoothing">From 0 to below 0.5.</param>
    /// <param name="likelihoodWeight">What the likelihood counts, 0 or more.</param>
    public static PreferenceLoss<PreferencePair> Cpo(double beta = 0.1, double smoothing = 0, double likelihoodWeight = 1) =>
        new ReferenceFreeLoss(beta, smoothing, difference => PreferenceFormulas.Sigmoid(difference, beta, smoothing)) { LikelihoodWeight = likelihoodWeight };

    /// <summary>CPO with a hinge.</summary>
    /// <param name="beta">Above 0. Default 0.1.</param>
    /// <param name="likelihoodWeight">What the likelihood counts, 0 or more.</param>
    public static PreferenceLoss<PreferencePair> CpoHinge(double beta = 0.1, double likelihoodWeight = 1) =>
        new ReferenceFreeLoss(beta, 0, difference => PreferenceFormulas.Hinge(difference, beta)) { LikelihoodWeight = likelihoodWeight };

    /// <summary>CPO with the squared error of IPO, over means of log-probabilities.</summary>
    /// <param name="beta">Above 0. Default 0.1.</param>
    /// <param name="likelihoodWeight">What the likelihood counts, 0 or more.</param>
    public static PreferenceLoss<PreferencePair> CpoIdentity(double beta = 0.1, double likelihoodWeight = 1) =>
        new ReferenceFreeLoss(beta, 0, difference => PreferenceFormulas.Identity(difference, beta)) { LikelihoodWeight = likelihoodWeight, Averages = true };

    /// <summary>Simple preference optimisation (Meng et al. 2024, equation 6), over means of log-probabilities.</summary>
    /// <param name="beta">Above 0. Default 2.</param>
    /// <param name="margin">The paper's gamma, 0 or more.</param>
    /// <param name="smoothing">From 0 to below 0.5.</param>
    /// <param name="rewardShape">The coefficient of AlphaPO (Gupta et al. 2025); 0: SimPO itself.</param>
    /// <param name="likelihoodWeight">What the likelihood of the chosen completion counts beside it, 0 or more; above 0 it is CPO-SimPO.</param>
    public static PreferenceLoss<PreferencePair> SimPo(
        double beta = 2, double margin = 0.5, double smoothing = 0, double rewardShape = 0, double likelihoodWeight = 0) =>
        new ReferenceFreeLoss(beta, smoothing, difference => PreferenceFormulas.Sigmoid(Tensors.Scalars.Plus(difference, -margin / beta), beta, smoothing))
        {
            Averages = true,
            Margin = margin,
            RewardShape = rewardShape,
            LikelihoodWeight = likelihoodWeight,
        };

    /// <summary>
    /// Odds ratio preference optimisation (Hong et al. 2024): the likelihood of the chosen row, and its odds above those of the rejected one.
    /// </summary>
    /// <param name="beta">The paper's lambda, above 0. Default 0.1.</param>
    public static PreferenceLoss<PreferencePair> Orpo(double beta = 0.1) => new OddsRatioLoss(beta);

    /// <summary>The likelihood of the chosen completions alone: supervised tuning on the better half.</summary>
    public static PreferenceLoss<PreferencePair> Likelihood() => new LikelihoodLoss();

    /// <summary>Several losses at once, each with its weight.</summary>
    /// <param name="parts">At least one; rewards are those of the first.</param>
    public static PreferenceLoss<PreferencePair> Combined(params IReadOnlyList<(PreferenceLoss<PreferencePair> Loss, double Weight)> parts)
    {
        ArgumentNullException.ThrowIfNull(parts);
        return new CombinedLoss([.. parts.Select(part => (Pairs(part.Loss), part.Weight))]);
    }

    /// <summary>A loss beside a reference that favours no length (Liu et al. 2024, length-desensitised DPO).</summary>
    /// <param name="loss">DPO or its kin.</param>
    /// <param name="weight">What the tokens behind the length of the shorter completion count, from 0 to 1; 1: as much as the others.</param>
    public static PreferenceLoss<PreferencePair> LengthDesensitized(PreferenceLoss<PreferencePair> loss, double weight) =>
        Pairs(loss).WithLengthWeight(weight);

    /// <summary>A loss beside a reference whose pairs count by how probable they are under the model, token by token (Zhou et al. 2024, equation 7).</summary>
    /// <param name="loss">DPO or its kin.</param>
    public static PreferenceLoss<PreferencePair> Weighted(PreferenceLoss<PreferencePair> loss) => Pairs(loss).WithWeights();

    /// <summary>Kahneman-Tversky optimisation (Ethayarajh et al. 2024, equation 8): completions with a label each, not in pairs.</summary>
    /// <param name="beta">How strongly the model is held to its reference, above 0. Default 0.1.</param>
    /// <param name="desirableWeight">What desirable completions count, above 0.</param>
    /// <param name="undesirableWeight">What undesirable completions count, above 0.</param>
    public static PreferenceLoss<UnpairedPreference> Kto(double beta = 0.1, double desirableWeight = 1, double undesirableWeight = 1) =>
        new KtoLoss(beta, desirableWeight, undesirableWeight);

    /// <summary>Anchored preference optimisation over labelled completions (D'Oosterlinck et al. 2024, equation 7, side by side).</summary>
    /// <param name="beta">Above 0. Default 0.1.</param>
    public static PreferenceLoss<UnpairedPreference> ApoZeroUnpaired(double beta = 0.1) => new AnchoredUnpairedLoss(beta);

    private static PairLoss Pairs(PreferenceLoss<PreferencePair> loss)
    {
        ArgumentNullException.ThrowIfNull(loss);
        return (PairLoss)loss;
    }
}
