using FineTuning.Metrics;
using FineTuning.Models;
using FineTuning.Tasks;
using FineTuning.Tensors;
using static TorchSharp.torch;

namespace FineTuning.Heads;

/// <summary>The cross-entropy of the tokens that are learned; scores over the vocabulary exist for a few tokens at a time.</summary>
internal static class LanguageLoss
{
    /// <summary>The sum over targets, a scalar.</summary>
    /// <param name="head">A head over the vocabulary.</param>
    /// <param name="batch">At least one target.</param>
    /// <param name="smoothing">The share of the target that is spread over all words.</param>
    /// <param name="context">The pass.</param>
    public static Tensor Sum(OutputHead head, LanguageBatch batch, double smoothing, ForwardContext context)
    {
        using WeightPass pass = head.Weights.Enter();
        Tensor hidden = head.Trunk.Hidden(batch.Input, context, WantedStates.At(batch.Predicting));
        return head.SumLosses(hidden, batch.Targets, batch.Weights, smoothing, context);
    }

    /// <summary>The sum over targets of -p log p, where the factor p has no gradient (Wu et al. 2025, equation 9), a scalar.</summary>
    public static Tensor DynamicSum(OutputHead head, LanguageBatch batch, ForwardContext context)
    {
        using WeightPass pass = head.Weights.Enter();
        Tensor logs = head.LogProbabilities(head.Trunk.Hidden(batch.Input, context, WantedStates.At(batch.Predicting)), batch.Targets, context);
        Tensor losses = logs.neg() * logs.detach().exp();
        return (batch.Weights is null ? losses : losses * batch.Weights).sum();
    }
}

/// <summary>Loss without smoothing, perplexity and the share of tokens that are predicted rightly.</summary>
/// <param name="head">A head over the vocabulary.</param>
internal sealed class LanguageEvaluation(OutputHead head) : IEvaluation
{
    private const long TokensAtOnce = 128;

    private readonly MeanLoss _loss = new();
    private double _right;
    private long _tokens;

    public void Add(Batch batch, ForwardContext context)
    {
        var rows = OwnRows.Batch<LanguageBatch>(batch);
        if (rows.Tokens == 0) return;
        using WeightPass pass = head.Weights.Enter();
        Tensor hidden = head.Trunk.Hidden(rows.Input, context, WantedStates.At(rows.Predicting));
        double right = 0, sum = 0;
        for (long start = 0; start < rows.Tokens; start += TokensAtOnce)
        {
            using var scope = NewDisposeScope();
            long count = Math.Min(TokensAtOnce, rows.Tokens - start);
            Tensor logits = head.Score(hidden.narrow(0, start, count), context), targets = rows.Targets.narrow(0, start, count);
            sum += Losses.CrossEntropy(logits, targets, rows.Weights?.narrow(0, start, count), null, 0).Number();
            right += logits.argmax(1).eq(targets).sum().Number();
        }
        _loss.Add(sum, rows.TargetCount);
        _right += right;
        _tokens += rows.Tokens;
    }

    public MetricReport Report() => new([
        MetricValue.Lower("loss", _loss.Value), MetricValue.Lower("perplexity", Math.Exp(_loss.Value)),
        MetricValue.Higher("token_accuracy", _right / _tokens, "no token was predicted"),
    ]);
}
