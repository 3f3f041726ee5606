using FineTuning.Models;
using static TorchSharp.torch;

namespace FineTuning.Heads;

/// <summary>Token by token log-probabilities of a batch.</summary>
internal static class CompletionLogs
{
    private const long TokensAtOnce = 128;

    /// <summary>The log-probability of each target, at the index of the token that predicts it; 0 elsewhere.</summary>
    /// <param name="head">A head over the vocabulary.</param>
    /// <param name="batch">At least one target.</param>
    /// <param name="context">The pass.</param>
    /// <returns>[rows, width]</returns>
    public static Tensor Of(OutputHead head, LanguageBatch batch, ForwardContext context)
    {
        using WeightPass pass = head.Weights.Enter();
        return Matrix(batch, head.LogProbabilities(Hidden(head, batch, context), batch.Targets, context));
    }

    /// <summary>The same, and the logarithm of the sum of the squared probabilities of all words, without gradient.</summary>
    /// <returns>Each [rows, width].</returns>
    public static (Tensor Logs, Tensor Squares) WithSquares(OutputHead head, LanguageBatch batch, ForwardContext context)
    {
        using WeightPass pass = head.Weights.Enter();
        Tensor hidden = Hidden(head, batch, context), logs = Matrix(batch, head.LogProbabilities(hidden, batch.Targets, context));
        using var gradients = no_grad();
        var squares = new List<Tensor>();
        for (long start = 0; start < batch.Tokens; start += TokensAtOnce)
        {
            using var scope = NewDisposeScope();
            Tensor states = hidden.detach().narrow(0, start, Math.Min(TokensAtOnce, batch.Tokens - start));
            Tensor words = nn.functional.log_softmax(head.Score(states, context), -1);
            squares.Add(words.mul(Tensors.Scalars.Held(2.0)).logsumexp(1).MoveToOuterDisposeScope());
        }
        return (logs, Matrix(batch, cat(squares, 0)));
    }

    /// <summary>Values of targets at the indices of the tokens that predict them.</summary>
    /// <returns>[rows, width]</returns>
    public static Tensor Matrix(LanguageBatch batch, Tensor values) =>
        zeros([(long)batch.Rows.Count * batch.PaddedLength], values.dtype, values.device).scatter(0, batch.Predicting, values)
            .view(batch.Rows.Count, batch.PaddedLength);

    private static Tensor Hidden(OutputHead head, LanguageBatch batch, ForwardContext context) =>
        head.Trunk.Hidden(batch.Input, context, WantedStates.At(batch.Predicting));
}
