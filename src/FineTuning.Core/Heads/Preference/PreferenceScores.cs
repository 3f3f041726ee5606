using FineTuning.Tensors;
using TorchSharp;
using static FineTuning.Tensors.Scalars;
using static TorchSharp.torch;

namespace FineTuning.Heads;

/// <summary>The log-probabilities of pairs of completions, summed as losses over pairs read them. Every tensor is [pairs].</summary>
internal sealed record PreferenceScores
{
    /// <summary>log p(chosen | prompt) under the model that trains.</summary>
    public required Tensor Chosen { get; init; }

    /// <summary>log p(rejected | prompt) under the model that trains.</summary>
    public required Tensor Rejected { get; init; }

    /// <summary>log p(chosen | prompt) under the reference; null: there is none.</summary>
    public Tensor? ReferenceChosen { get; init; }

    /// <summary>log p(rejected | prompt) under the reference; null: there is none.</summary>
    public Tensor? ReferenceRejected { get; init; }

    /// <summary>Tokens of the chosen completion.</summary>
    public required Tensor ChosenTokens { get; init; }

    /// <summary>Tokens of the rejected completion.</summary>
    public required Tensor RejectedTokens { get; init; }

    /// <summary>The sum of the log-probabilities from which the likelihood of the chosen row is learned; ORPO counts the prompt too.</summary>
    public required Tensor ChosenLikelihood { get; init; }

    /// <summary>How many tokens <see cref="ChosenLikelihood"/> sums.</summary>
    public required Tensor ChosenLikelihoodTokens { get; init; }

    /// <summary>What the loss of each pair is multiplied by, without gradient. Null: nothing.</summary>
    public Tensor? Weights { get; init; }

    /// <summary>How many pairs there are.</summary>
    public long Pairs => Chosen.shape[0];

    /// <summary>The mean log-probability of a token of each completion under the model that trains.</summary>
    public (Tensor Chosen, Tensor Rejected) Means() =>
        (Chosen / PreferenceFormulas.Counts(ChosenTokens), Rejected / PreferenceFormulas.Counts(RejectedTokens));

    /// <summary>Sums token by token log-probabilities.</summary>
    /// <param name="tokens">log p of each token given those before it, [2 pairs, tokens]: the chosen rows, then the rejected ones.</param>
    /// <param name="mask">1 where a token belongs to the completion, else 0, [2 pairs, tokens], in the type of <paramref name="tokens"/>.</param>
    /// <param name="reference">The reference's sums, [2 pairs]. Null: there is none.</param>
    /// <param name="lengthWeight">
    /// What the tokens behind the length of the shorter completion count (Liu et al. 2024, length-desensitised DPO). Null: as much as the others.
    /// </param>
    public static PreferenceScores Of(Tensor tokens, Tensor mask, Tensor? reference, double? lengthWeight = null)
    {
        long pairs = tokens.shape[0] / 2;
        Tensor lengths = mask.sum(1), counted = lengthWeight is { } weight ? mask * BehindShorter(mask, lengths, weight) : mask;
        // Where a token does not count its log-probability may be anything, also minus infinity: a product would make NaN of it.
        Tensor sums = (tokens.masked_fill(mask.eq(Held(0)), Held(0)) * counted).sum(1);
        Tensor plain = lengthWeight is null ? sums : tokens.masked_fill(mask.eq(Held(0)), Held(0)).sum(1);
        return new PreferenceScores
        {
            Chosen = sums.narrow(0, 0, pairs),
            Rejected = sums.narrow(0, pairs, pairs),
            ReferenceChosen = reference?.narrow(0, 0, pairs),
            ReferenceRejected = reference?.narrow(0, pairs, pairs),
            ChosenTokens = lengths.narrow(0, 0, pairs),
            RejectedTokens = lengths.narrow(0, pairs, pairs),
            ChosenLikelihood = plain.narrow(0, 0, pairs),
            ChosenLikelihoodTokens = lengths.narrow(0, 0, pairs),
        };
    }

    /// <summary>
    /// The weights of weighted preference optimisation (Zhou et al. 2024, equation 7): how probable both completions are under the model, token by token,
    /// beside what it would write by itself.
    /// </summary>
    /// <param name="tokens">log p of each token, [2 pairs, tokens].</param>
    /// <param name="squares">log of the sum of the squared probabilities over the vocabulary at each token, [2 pairs, tokens].</param>
    /// <param name="mask">1 where a token belongs to the completion, [2 pairs, tokens].</param>
    /// <returns>[pairs], without gradient</returns>
    public static Tensor ProbabilityWeights(Tensor tokens, Tensor squares, Tensor mask)
    {
        Tensor means = ((tokens - squares).masked_fill(mask.eq(Held(0)), Held(0)) * mask).sum(1) / mask.sum(1).clamp_min(Held(1));
        long pairs = tokens.shape[0] / 2;
        return means.narrow(0, 0, pairs).Plus(means.narrow(0, pairs, pairs)).exp().detach();
    }

    private static Tensor BehindShorter(Tensor mask, Tensor lengths, double weight)
    {
        long pairs = mask.shape[0] / 2;
        Tensor shorter = minimum(lengths.narrow(0, 0, pairs), lengths.narrow(0, pairs, pairs)).repeat(2).unsqueeze(1);
        Tensor shared = mask.cumsum(1).le(shorter).to(mask.dtype);
        return shared.Plus(Minus(1, shared) * Held(weight));
    }
}
