using FineTuning.Metrics;
using FineTuning.Models;
using FineTuning.Tasks;
using FineTuning.Tensors;
using static TorchSharp.torch;

namespace FineTuning.Heads;

/// <summary>The tokens that are learned, and their cross-entropy; scores over the vocabulary exist for a few tokens at a time.</summary>
/// <param name="head">A head over the vocabulary.</param>
/// <param name="smoothing">The share of the target that is spread over all words.</param>
/// <param name="isDynamic">Whether each loss counts by its probability, -p log p, where the factor p has no gradient (Wu et al. 2025, equation 9).</param>
internal sealed class LanguageLoss(OutputHead head, double smoothing, bool isDynamic = false) : IWordHead
{
    public OutputHead Head { get; } = head;

    public Tensor States(Batch batch, ForwardContext context)
    {
        LanguageBatch rows = OwnRows.Batch<LanguageBatch>(batch);
        using WeightPass pass = Head.Weights.Enter();
        return Head.Trunk.Hidden(rows.Input, context, WantedStates.At(rows.Predicting));
    }

    public Tensor SumLoss(Batch batch, Tensor states, ForwardContext context)
    {
        LanguageBatch rows = OwnRows.Batch<LanguageBatch>(batch);
        if (!isDynamic) return Head.SumLosses(states, rows.Targets, rows.Weights, smoothing, context);
        Tensor logs = Head.LogProbabilities(states, rows.Targets, context);
        Tensor losses = logs.neg() * logs.detach().exp();
        return (rows.Weights is null ? losses : losses * rows.Weights).sum();
    }

    public Tensor? Weights(Batch batch) => OwnRows.Batch<LanguageBatch>(batch).Weights;

    /// <summary>The sum over targets, a scalar.</summary>
    public Tensor Sum(Batch batch, ForwardContext context)
    {
        using WeightPass pass = Head.Weights.Enter();
        return SumLoss(batch, States(batch, context), context);
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
