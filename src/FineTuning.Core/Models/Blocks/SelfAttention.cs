using FineTuning.Tensors;
using TorchSharp;
using static FineTuning.Tensors.Scalars;
using static TorchSharp.torch;

namespace FineTuning.Models;

/// <summary>Multi-head self-attention (Vaswani et al. 2017, section 3.2) with query, key and value in one product.</summary>
internal sealed class SelfAttention(Linear projection, Linear output, int heads, double dropout) : IAttention
{
    public Tensor Forward(Tensor input, AttentionInput positions, bool firstOnly, ForwardContext context)
    {
        (long batch, long tokens, long hidden) = (input.shape[0], input.shape[1], input.shape[2]);
        long queries = firstOnly ? 1 : tokens;
        (Tensor query, Tensor key, Tensor value) = firstOnly ? ProjectFirst(input, context) : Project(input, context);
        if (positions.Rotation is { } rotation)
        {
            query = (firstOnly ? rotation.OfFirst() : rotation).Turn(query);
            key = rotation.Turn(key);
        }
        AttentionMask? mask = firstOnly ? positions.Mask?.OfFirst() : positions.Mask;
        Tensor? bias = firstOnly && positions.Bias is { } whole ? whole.narrow(2, 0, 1) : positions.Bias;
        Tensor attended = Attend(query, key, value, mask, bias, context);
        return output.Forward(attended.transpose(1, 2).reshape(batch, queries, hidden), context);
    }

    private (Tensor Query, Tensor Key, Tensor Value) Project(Tensor input, ForwardContext context)
    {
        (long batch, long tokens, long hidden) = (input.shape[0], input.shape[1], input.shape[2]);
        Tensor[] parts = projection.Forward(input, context).view(batch, tokens, 3, heads, hidden / heads).permute(2, 0, 3, 1, 4).unbind(0);
        return (parts[0], parts[1], parts[2]);
    }

    // The last layer's keys and values for all tokens, its query for the one token that a head over the first token reads.
    private (Tensor Query, Tensor Key, Tensor Value) ProjectFirst(Tensor input, ForwardContext context)
    {
        (long batch, long tokens, long hidden) = (input.shape[0], input.shape[1], input.shape[2]);
        Tensor query = projection.ForwardRows(input.narrow(1, 0, 1), 0, hidden, context).view(batch, 1, heads, hidden / heads).transpose(1, 2);
        Tensor[] parts = projection.ForwardRows(input, hidden, 2 * hidden, context).view(batch, tokens, 2, heads, hidden / heads).permute(2, 0, 3, 1, 4).unbind(0);
        return (query, parts[0], parts[1]);
    }

    // The fused kernel knows no dropout of ours; where probabilities are dropped they are made explicit, which costs little at the lengths people tune on.
    // Its backward pass is wrong for a row in which a bias forbids every key (the logarithm of its sum is lost beside the bias), so a bias goes without it.
    private Tensor Attend(Tensor query, Tensor key, Tensor value, AttentionMask? mask, Tensor? bias, ForwardContext context)
    {
        double scale = 1 / Math.Sqrt(query.shape[^1]);
        if (!(context.IsTraining && dropout > 0) && !(bias is not null && is_grad_enabled()) && context.ComputeType != ScalarType.BFloat16)
        {
            Tensor? added = bias is null || bias.dtype == query.dtype ? bias : bias.to(query.dtype);
            return Kernels.Attend(query, key, value, added ?? mask?.Allowed, false, scale);
        }
        (long batch, long tokens, long keys, long width) = (query.shape[0], query.shape[2], key.shape[2], query.shape[3]);
        Tensor scores = (query * Held(scale)).reshape(batch * heads, tokens, width).bmm(key.transpose(2, 3).reshape(batch * heads, width, keys)).view(batch, heads, tokens, keys);
        if (bias is not null) scores = scores.Plus(bias);
        else if (mask is not null) scores = scores.masked_fill(mask.Forbidden, Held(AttentionMask.Never));
        Tensor probabilities = context.Dropout(nn.functional.softmax(scores, -1), dropout);
        if (probabilities.dtype != value.dtype) probabilities = probabilities.to(value.dtype);
        return probabilities.view(batch * heads, tokens, keys).bmm(value.reshape(batch * heads, keys, width)).view(batch, heads, tokens, width);
    }
}
