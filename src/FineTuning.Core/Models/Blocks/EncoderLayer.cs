using static TorchSharp.torch;

namespace FineTuning.Models;

/// <summary>Attention and feed-forward network, each added to its input and then normalized (the order of Vaswani et al. 2017 and BERT).</summary>
internal sealed class EncoderLayer(SelfAttention attention, LayerNorm attentionNorm, FeedForward feedForward, LayerNorm outputNorm, double dropout)
{
    /// <param name="input">[batch, tokens, hidden]</param>
    /// <param name="mask">Null: nothing is padded.</param>
    /// <param name="bias">Added to the scores; null: none.</param>
    /// <param name="firstOnly">Whether only the first token's output is needed.</param>
    /// <param name="context">The pass.</param>
    /// <returns>[batch, tokens, hidden], or [batch, 1, hidden]</returns>
    public Tensor Forward(Tensor input, AttentionMask? mask, Tensor? bias, bool firstOnly, ForwardContext context)
    {
        bool trimmed = firstOnly && bias is null;
        Tensor attended = trimmed ? attention.ForwardFirst(input, mask, context) : attention.Forward(input, mask, bias, context);
        Tensor residual = trimmed ? input.narrow(1, 0, 1) : input;
        Tensor middle = attentionNorm.Forward(residual + context.Dropout(attended, dropout));
        return outputNorm.Forward(middle + context.Dropout(feedForward.Forward(middle, context), dropout));
    }

    public static EncoderLayer Make(WeightBuilder builder, string name, int depth, ModelSpec spec) => new(
        SelfAttention.Make(builder, name + ".attention", depth, spec),
        LayerNorm.Make(builder, name + ".attention.norm", depth, spec.HiddenSize, spec.NormEpsilon),
        FeedForward.Make(builder, name + ".feed_forward", depth, spec),
        LayerNorm.Make(builder, name + ".feed_forward.norm", depth, spec.HiddenSize, spec.NormEpsilon),
        spec.HiddenDropout);
}
