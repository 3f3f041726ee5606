using FineTuning.Tensors;
using TorchSharp;
using static FineTuning.Tensors.Scalars;
using static TorchSharp.torch;

namespace FineTuning.Heads;

/// <summary>How far the model has moved from its reference on both completions of each pair. Every tensor is [pairs].</summary>
/// <param name="Chosen">log p - log p of the reference of the chosen completion, or what a divergence makes of it.</param>
/// <param name="Rejected">The same of the rejected completion.</param>
/// <param name="Scores">What they were made from.</param>
internal sealed record LogRatios(Tensor Chosen, Tensor Rejected, PreferenceScores Scores)
{
    public Tensor Difference => Chosen - Rejected;
}

/// <summary>
/// Losses of pairs beside a reference. Each gives [pairs]; the loss of a batch is the mean. b is beta, e the smoothing, s the logistic function, lc and lr the
/// log-ratios of chosen and rejected, d = lc - lr.
/// </summary>
internal static class PreferenceFormulas
{
    /// <summary>-(1 - e) log s(b d) - e log s(-b d) (Rafailov et al. 2023, equation 7; with smoothing Mitchell 2023, conservative DPO).</summary>
    public static Tensor Sigmoid(Tensor difference, double beta, double smoothing)
    {
        Tensor loss = LogSigmoid(difference, beta).neg();
        return smoothing == 0 ? loss : loss * Held(1 - smoothing) - LogSigmoid(difference, -beta) * Held(smoothing);
    }

    /// <summary>max(0, 1 - b d) (Zhao et al. 2023).</summary>
    public static Tensor Hinge(Tensor difference, double beta) => Minus(1, difference * Held(beta)).relu();

    /// <summary>(d - 1 / (2 b))^2 over means of log-probabilities (Azar et al. 2023, equation 17; b is its tau).</summary>
    public static Tensor Identity(Tensor difference, double beta) => difference.Plus(-1 / (2 * beta)).Squared();

    /// <summary>(-(1 - e) log s(b d) + e log s(-b d)) / (1 - 2 e) (Ray Chowdhury et al. 2024).</summary>
    public static Tensor Robust(Tensor difference, double beta, double smoothing) =>
        (LogSigmoid(difference, -beta) * Held(smoothing) - LogSigmoid(difference, beta) * Held(1 - smoothing)) / Held(1 - 2 * smoothing);

    /// <summary>q (log s(b d) - log(1 - e)) + (1 - q)(log s(-b d) - log e), q = s(b d) (Ji et al. 2024, equation 16).</summary>
    public static Tensor Exact(Tensor difference, double beta, double smoothing)
    {
        Tensor preferred = (difference * Held(beta)).sigmoid();
        return (preferred * LogSigmoid(difference, beta).Plus(-Math.Log(1 - smoothing)))
            .Plus(Minus(1, preferred) * LogSigmoid(difference, -beta).Plus(-Math.Log(smoothing)));
    }

    /// <summary>-log s(b lc) - log s(-b lc) / 2 - log s(-b lr) / 2 (Chen et al. 2024, noise contrastive alignment).</summary>
    public static Tensor NoiseContrastive(LogRatios ratios, double beta) =>
        LogSigmoid(ratios.Chosen, beta).neg() - LogSigmoid(ratios.Chosen, -beta) * Held(0.5) - LogSigmoid(ratios.Rejected, -beta) * Held(0.5);

    /// <summary>-log s(b lc) - log s(-b lr) (Jung et al. 2024, without the running mean).</summary>
    public static Tensor BinaryClassifier(LogRatios ratios, double beta) => LogSigmoid(ratios.Chosen, beta).neg() - LogSigmoid(ratios.Rejected, -beta);

    /// <summary>(lc - 1 / (2 b))^2 + (lr + 1 / (2 b))^2 (Wu et al. 2024, equation 4.7, with preferences of 1 and 0).</summary>
    public static Tensor SelfPlay(LogRatios ratios, double beta) => ratios.Chosen.Plus(-0.5 / beta).Squared().Plus(ratios.Rejected.Plus(0.5 / beta).Squared());

    /// <summary>Sorted over the batch: how far the distribution of one side lies above the other (Melnyk et al. 2024).</summary>
    /// <param name="better">[pairs]</param>
    /// <param name="worse">[pairs]</param>
    /// <param name="beta">b</param>
    /// <param name="smoothing">e</param>
    public static Tensor Transport(Tensor better, Tensor worse, double beta, double smoothing) =>
        Sigmoid(better.sort(0).Values - worse.sort(0).Values, beta, smoothing);

    /// <summary>1 - s(b lc) + s(b lr): the chosen up and the rejected down (D'Oosterlinck et al. 2024, equation 7).</summary>
    public static Tensor AnchoredZero(LogRatios ratios, double beta) =>
        Minus(1, (ratios.Chosen * Held(beta)).sigmoid()).Plus((ratios.Rejected * Held(beta)).sigmoid());

    /// <summary>s(b lc) + 1 - s(b d): both down, the rejected more (D'Oosterlinck et al. 2024, equation 8).</summary>
    public static Tensor AnchoredDown(LogRatios ratios, double beta) =>
        (ratios.Chosen * Held(beta)).sigmoid().Plus(Minus(1, (ratios.Difference * Held(beta)).sigmoid()));

    /// <summary>-log s(z)(1 - k) + exp(-z) k, z = b d, k = s(z / temperature) (Lu et al. 2024, equation 5).</summary>
    public static Tensor Discovered(Tensor difference, double beta, double temperature)
    {
        Tensor scaled = difference * Held(beta), mixture = (scaled / Held(temperature)).sigmoid();
        return (LogSigmoid(difference, beta).neg() * Minus(1, mixture)).Plus(scaled.neg().exp() * mixture);
    }

    /// <summary>The means of the log-ratios over the tokens of each completion: lc / n_c - lr / n_r.</summary>
    public static Tensor MeanDifference(LogRatios ratios) =>
        ratios.Chosen / Counts(ratios.Scores.ChosenTokens) - ratios.Rejected / Counts(ratios.Scores.RejectedTokens);

    /// <summary>Minus the mean log-probability of the batch's chosen tokens, spread so that the mean over pairs is it.</summary>
    public static Tensor Likelihood(PreferenceScores scores) =>
        scores.ChosenLikelihood.neg() * Held((double)scores.Pairs) / scores.ChosenLikelihoodTokens.sum().clamp_min(Held(1));

    public static Tensor LogSigmoid(Tensor values, double factor) => nn.functional.logsigmoid(values * Held(factor));

    /// <summary>Counts that may be divided by.</summary>
    public static Tensor Counts(Tensor tokens) => tokens.clamp_min(Held(1));
}
