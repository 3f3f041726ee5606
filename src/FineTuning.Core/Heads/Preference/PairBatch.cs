using FineTuning.Models;
using FineTuning.Tasks;
using TorchSharp;
using static TorchSharp.torch;

namespace FineTuning.Heads;

/// <summary>Pairs as one batch of texts: the chosen rows, then the rejected ones, padded on the right to one width.</summary>
internal sealed class PairBatch : Batch
{
    private PairBatch(IReadOnlyList<EncodedRow> rows, LanguageBatch texts)
        : base(rows, checked(2 * texts.PaddedLength)) => Texts = texts;

    /// <summary>[2 pairs, width]</summary>
    public LanguageBatch Texts { get; }

    /// <summary>1 where a target belongs to a completion, else 0, [targets], float32. Null: all do.</summary>
    public Tensor? Completions { get; private init; }

    /// <summary>Sums of log-probabilities under the reference, [2 pairs], float32. Null: there are none.</summary>
    public Tensor? Reference { get; private init; }

    /// <inheritdoc/>
    public override long RealTokens => Texts.RealTokens;

    /// <param name="rows">Rows that are all <see cref="PairRow"/>s.</param>
    /// <param name="width">Tokens of one side after padding; at least those of the longest.</param>
    /// <param name="padId">The id of padding.</param>
    /// <param name="learnsPrompt">Whether the prompts of chosen rows are scored too.</param>
    /// <param name="reference">The values of a pair under the reference. Null: there are none.</param>
    /// <param name="device">Where the tensors go.</param>
    public static PairBatch Of(IReadOnlyList<EncodedRow> rows, int width, int padId, bool learnsPrompt,
        Func<PairRow, (float Chosen, float Rejected)>? reference, Device device)
    {
        PairRow[] pairs = [.. rows.Select(OwnRows.Of<PairRow>)];
        CausalRow[] sides = [.. pairs.Select(pair => pair.Chosen), .. pairs.Select(pair => pair.Rejected)];
        CausalRow[] scored = learnsPrompt ? [.. sides.Select((side, i) => i < pairs.Length ? side.LearnedFrom(0) : side)] : sides;
        float[] completions = [.. sides.SelectMany((side, i) => Enumerable.Range(1, side.Length - 1).Where(token => scored[i].Learned[token])
            .Select(token => side.Learned[token] ? 1f : 0))];
        (float Chosen, float Rejected)[]? values = reference is null ? null : [.. pairs.Select(reference)];
        return new(rows, LanguageBatch.OfTexts(scored, width, padId, device))
        {
            Completions = learnsPrompt ? tensor(completions, ScalarType.Float32, device) : null,
            Reference = values is null ? null
                : tensor([.. values.Select(value => value.Chosen), .. values.Select(value => value.Rejected)], ScalarType.Float32, device),
        };
    }

    /// <summary>What losses over pairs read of the batch.</summary>
    /// <param name="head">A head over the vocabulary.</param>
    /// <param name="lengthWeight">What the tokens behind the length of the shorter completion count. Null: as much as the others.</param>
    /// <param name="weighs">Whether the pairs' weights by probability are computed.</param>
    /// <param name="context">The pass.</param>
    public PreferenceScores Score(OutputHead head, double? lengthWeight, bool weighs, ForwardContext context)
    {
        (Tensor logs, Tensor? squares) = weighs ? CompletionLogs.WithSquares(head, Texts, context) : (CompletionLogs.Of(head, Texts, context), null);
        Tensor mask = CompletionLogs.Matrix(Texts, Completions?.to(logs.dtype) ?? ones([Texts.Tokens], logs.dtype, logs.device));
        PreferenceScores scores = PreferenceScores.Of(logs, mask, Reference, lengthWeight);
        if (squares is not null) scores = scores with { Weights = PreferenceScores.ProbabilityWeights(logs.detach(), squares, mask) };
        if (Completions is null) return scores;
        Tensor all = CompletionLogs.Matrix(Texts, ones([Texts.Tokens], logs.dtype, logs.device));
        return scores with { ChosenLikelihood = logs.narrow(0, 0, scores.Pairs).sum(1), ChosenLikelihoodTokens = all.narrow(0, 0, scores.Pairs).sum(1) };
    }
}
