using FineTuning.Tensors;
using TorchSharp;
using static FineTuning.Tensors.Scalars;
using static TorchSharp.torch;

namespace FineTuning.Models;

/// <summary>From queries, keys and values to what is attended (Vaswani et al. 2017, equation 1).</summary>
internal static class AttentionProduct
{
    // The fused kernel knows no dropout of ours; where probabilities are dropped they are made explicit, which costs little at the lengths people tune on.
    // Its backward pass is wrong for a row in which a bias forbids every key (the logarithm of its sum is lost beside the bias), so a bias goes without it.
    // On the processor it takes twice as long in bfloat16 as explicit probabilities; those are made for a block of queries at a time where a text is
    // written.
    private const long Block = 256;

    /// <param name="query">[batch, query heads, tokens, width]</param>
    /// <param name="key">[batch, key heads, keys, width]</param>
    /// <param name="value">Of the shape of the keys.</param>
    /// <param name="mask">Which keys are seen. Null: all.</param>
    /// <param name="bias">Added to the scores, with the mask in it. Null: none.</param>
    /// <param name="plan">Scale, soft cap, dropout.</param>
    /// <param name="site">Which dropout of the layer this is.</param>
    /// <param name="context">The layer's pass.</param>
    /// <returns>[batch, query heads, tokens, width]</returns>
    public static Tensor Attend(Tensor query, Tensor key, Tensor value, AttentionMask? mask, Tensor? bias, AttentionPlan plan, int site, ForwardContext context)
    {
        key = PerQueryHead(key, plan);
        value = PerQueryHead(value, plan);
        bool drops = context.IsTraining && plan.Dropout > 0;
        bool suits = context.ComputeType != ScalarType.BFloat16 || query.device_type == DeviceType.CUDA;
        if (!drops && suits && plan.SoftCap is null && !(bias is not null && is_grad_enabled()))
        {
            Tensor? added = bias is null || bias.dtype == query.dtype ? bias : bias.to(query.dtype);
            bool triangle = added is null && mask is { IsTriangle: true };
            return Kernels.Attend(query, key, value, triangle ? null : added ?? mask?.Allowed, triangle, plan.ScaleOrDefault);
        }
        if (context.IsDecoding && bias is null && plan.SoftCap is null && mask is null or { IsTriangle: true }
            && TryInBlocks(query, key, value, mask is not null, plan.ScaleOrDefault) is { } fused) return fused;
        (long batch, long heads, long tokens, long keys, long width) = (query.shape[0], query.shape[1], query.shape[2], key.shape[2], query.shape[3]);
        Tensor left = (query * Held(plan.ScaleOrDefault)).reshape(batch * heads, tokens, width),
            right = key.transpose(2, 3).reshape(batch * heads, width, keys);
        Tensor scores = left.bmm(right).view(batch, heads, tokens, keys);
        if (plan.SoftCap is { } cap) scores = (scores / Held(cap)).tanh() * Held(cap);
        if (bias is not null) scores = scores.Plus(bias);
        else if (mask is not null) scores = scores.masked_fill(mask.Forbidden, Held(AttentionMask.Never));
        Tensor probabilities = context.Dropout(nn.functional.softmax(scores, -1), plan.Dropout, site);
        if (probabilities.dtype != value.dtype) probabilities = probabilities.to(value.dtype);
        return probabilities.view(batch * heads, tokens, keys).bmm(value.reshape(batch * heads, keys, width)).view(batch, heads, tokens, width);
    }

    // Scores of a block of queries stay in the processor's cache, and those of keys behind the block are not computed.
    private static Tensor? TryInBlocks(Tensor query, Tensor key, Tensor value, bool triangle, double scale)
    {
        (long batch, long heads, long tokens, long keys, long width) = (query.shape[0], query.shape[1], query.shape[2], key.shape[2], query.shape[3]);
        Tensor left = query.reshape(batch * heads, tokens, width), right = key.reshape(batch * heads, keys, width).transpose(1, 2),
            values = value.reshape(batch * heads, keys, width);
        var attended = new List<Tensor>();
        for (long start = 0; start < tokens; start += Block)
        {
            long count = Math.Min(Block, tokens - start), seen = triangle ? start + count : keys;
            using Tensor scores = left.narrow(1, start, count).bmm(right.narrow(2, 0, seen));
            if (!FusedRows.TrySoftmax(scores, scale, triangle ? start : keys)) return null;
            attended.Add(scores.bmm(values.narrow(1, 0, seen)));
        }
        return (attended.Count == 1 ? attended[0] : cat(attended, 1)).view(batch, heads, tokens, width);
    }

    /// <summary>Splits [batch, tokens, heads x width] into [batch, heads, tokens, width].</summary>
    public static Tensor Split(Tensor states, int heads) => states.view(states.shape[0], states.shape[1], heads, states.shape[2] / heads).transpose(1, 2);

    /// <summary>Joins [batch, heads, tokens, width] to [batch, tokens, heads x width].</summary>
    public static Tensor Join(Tensor attended) => attended.transpose(1, 2).reshape(attended.shape[0], attended.shape[2], attended.shape[1] * attended.shape[3]);

    // A key head serves consecutive query heads (Ainslie et al. 2023).
    private static Tensor PerQueryHead(Tensor tensor, AttentionPlan plan)
    {
        if (plan.QueryHeads == plan.KeyHeads) return tensor;
        (long batch, long keys, long width) = (tensor.shape[0], tensor.shape[2], tensor.shape[3]);
        return tensor.unsqueeze(2).expand(batch, plan.KeyHeads, plan.QueryHeads / plan.KeyHeads, keys, width).reshape(batch, plan.QueryHeads, keys, width);
    }
}
