using FineTuning.Tensors;
using TorchSharp;
using static TorchSharp.torch;

namespace FineTuning.Models;

/// <summary>Multi-head self-attention (Vaswani et al. 2017, section 3.2) with query, key and value in one product.</summary>
internal sealed class SelfAttention(Linear projection, Linear output, int heads, double dropout)
{
    /// <param name="input">[batch, tokens, hidden]</param>
    /// <param name="mask">Null: nothing is padded.</param>
    /// <param name="bias">Added to the scores, [1 or batch, heads, tokens, tokens]; null: none.</param>
    /// <param name="context">The pass.</param>
    /// <returns>[batch, tokens, hidden]</returns>
    public Tensor Forward(Tensor input, AttentionMask? mask, Tensor? bias, ForwardContext context)
    {
        (long batch, long tokens, long hidden) = (input.shape[0], input.shape[1], input.shape[2]);
        Tensor[] parts = projection.Forward(input, context).view(batch, tokens, 3, heads, hidden / heads).permute(2, 0, 3, 1, 4).unbind(0);
        Tensor attended = Attend(parts[0], parts[1], parts[2], mask, bias, context);
        return output.Forward(attended.transpose(1, 2).reshape(batch, tokens, hidden), context);
    }

    /// <summary>The same for the first token alone: what a head over the first token needs of the last layer.</summary>
    /// <returns>[batch, 1, hidden]</returns>
    public Tensor ForwardFirst(Tensor input, AttentionMask? mask, ForwardContext context)
    {
        (long batch, long tokens, long hidden) = (input.shape[0], input.shape[1], input.shape[2]);
        Tensor query = projection.ForwardRows(input.narrow(1, 0, 1), 0, hidden, context).view(batch, 1, heads, hidden / heads).transpose(1, 2);
        Tensor[] parts = projection.ForwardRows(input, hidden, 2 * hidden, context).view(batch, tokens, 2, heads, hidden / heads).permute(2, 0, 3, 1, 4).unbind(0);
        Tensor attended = Attend(query, parts[0], parts[1], mask, null, context);
        return output.Forward(attended.transpose(1, 2).reshape(batch, 1, hidden), context);
    }

    public static SelfAttention Make(WeightBuilder builder, string name, int depth, ModelSpec spec) => new(
        Linear.MakeStacked(builder, name + ".projection", [name + ".query", name + ".key", name + ".value"], depth, spec.HiddenSize, spec.HiddenSize),
        Linear.Make(builder, name + ".output", depth, spec.HiddenSize, spec.HiddenSize),
        spec.HeadCount,
        spec.AttentionDropout);

    // The fused kernel knows no dropout of ours; where probabilities are dropped they are made explicit, which costs little at the lengths people tune on.
    private Tensor Attend(Tensor query, Tensor key, Tensor value, AttentionMask? mask, Tensor? bias, ForwardContext context)
    {
        double scale = 1 / Math.Sqrt(query.shape[^1]);
        if (bias is null && !(context.IsTraining && dropout > 0) && context.ComputeType == ScalarType.Float32)
        {
            return Kernels.Attend(query, key, value, mask?.Allowed, false, scale);
        }
        (long batch, long tokens, long keys, long width) = (query.shape[0], query.shape[2], key.shape[2], query.shape[3]);
        Tensor scores = (query * scale).reshape(batch * heads, tokens, width).bmm(key.transpose(2, 3).reshape(batch * heads, width, keys)).view(batch, heads, tokens, keys);
        if (bias is not null) scores = scores + bias;
        if (mask is not null) scores = scores.masked_fill(mask.Forbidden, float.NegativeInfinity);
        Tensor probabilities = context.Dropout(nn.functional.softmax(scores, -1), dropout);
        return probabilities.view(batch * heads, tokens, keys).bmm(value.reshape(batch * heads, keys, width)).view(batch, heads, tokens, width);
    }
}
