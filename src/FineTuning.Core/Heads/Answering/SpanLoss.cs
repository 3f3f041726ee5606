using TorchSharp;
using static FineTuning.Tensors.Scalars;
using static TorchSharp.torch;

namespace FineTuning.Heads;

/// <summary>The loss of spans: the mean of the cross-entropies of first and last token (Devlin et al. 2019, section 4.2), as a sum over rows.</summary>
internal static class SpanLoss
{
    /// <summary>
    /// Padding takes no part in the softmax, so that the loss does not depend on who else is in the batch; without padding it is the reference's.
    /// </summary>
    /// <param name="logits">[rows, tokens, 2]: of first and of last tokens</param>
    /// <param name="targets">[rows, 2], int64</param>
    /// <param name="mask">True where a token is real, [rows, tokens]. Null: all are</param>
    /// <param name="rowWeights">[rows]. Null: all 1</param>
    /// <returns>A scalar; the count is the sum of the weights.</returns>
    public static Tensor Sum(Tensor logits, Tensor targets, Tensor? mask, Tensor? rowWeights)
    {
        Tensor scores = Losses.Wide(logits);
        if (mask is not null) scores = scores.masked_fill(mask.logical_not().unsqueeze(2), Held(float.NegativeInfinity));
        Tensor rows = nn.functional.log_softmax(scores, 1).gather(1, targets.unsqueeze(1)).squeeze(1).mean([1]).neg();
        return (rowWeights is null ? rows : rows * rowWeights).sum();
    }
}
