using FineTuning.Tensors;
using TorchSharp;
using static TorchSharp.torch;

namespace FineTuning.Models;

/// <summary>Multi-head self-attention (Vaswani et al. 2017, section 3.2) with query, key and value in one product.</summary>
/// <param name="projection">First the rows of all queries, then those of keys, then those of values.</param>
/// <param name="output">Back to the hidden size.</param>
/// <param name="queryNorm">Normalizes queries. Null: nothing does.</param>
/// <param name="keyNorm">Normalizes keys. Null: nothing does.</param>
/// <param name="plan">Heads and the rest.</param>
internal sealed class SelfAttention(Linear projection, Linear output, INorm? queryNorm, INorm? keyNorm, AttentionPlan plan) : IAttention
{
    private readonly long _queries = (long)plan.QueryHeads * plan.Width;
    private readonly long _keys = (long)plan.KeyHeads * plan.Width;

    public Tensor Forward(Tensor input, AttentionInput positions, Wanted? wanted, ForwardContext context)
    {
        if (TokenStep.Suits(input, positions, wanted, context)) return output.Forward(Step(input, positions, context), context);
        (Tensor query, Tensor key, Tensor value) = Project(input, wanted, context);
        if (positions.Rotation is { } rotation)
        {
            query = (wanted is null ? rotation : rotation.Of(wanted)).Turn(query, context.IsDecoding);
            key = rotation.Turn(key, context.IsDecoding);
        }
        if (positions.Texts is { } texts)
        {
            (query, key, value) = (texts.Apart(query), texts.Apart(key), texts.Apart(value));
            Tensor apart = AttentionProduct.Attend(query, key, value, positions.Mask, null, plan, DropoutSite.Attention, context);
            return output.Forward(AttentionProduct.Join(texts.Together(apart, input.shape[0])), context);
        }
        if (positions.Cache is { } cache)
        {
            (key, value) = cache.Append(positions.Layer, key, value);
            if (key.dtype != query.dtype) (key, value) = (key.to(query.dtype), value.to(query.dtype));
        }
        // A cache may have forgotten keys that no query sees.
        AttentionMask? mask = (wanted is null ? positions.Mask : positions.Mask?.Of(wanted))?.Last(key.shape[2]);
        Tensor? bias = wanted is not null && positions.Bias is { } whole ? wanted.Along(whole, 2) : positions.Bias;
        Tensor attended = AttentionProduct.Attend(query, key, value, mask, bias, plan, DropoutSite.Attention, context);
        return output.Forward(AttentionProduct.Join(attended), context);
    }

    public static SelfAttention Make(WeightBuilder builder, AttentionPlan plan, string name, int depth, long width)
    {
        (long queries, long keys) = ((long)plan.QueryHeads * plan.Width, (long)plan.KeyHeads * plan.Width);
        Linear projection = builder.Linear(name + ".projection",
            [(name + ".query", queries), (name + ".key", keys), (name + ".value", keys)], depth, width, plan.Bias);
        Linear output = builder.Linear(name + ".output", depth, queries, width, plan.OutputBias);
        return new(
            projection,
            output,
            Norms.Make(builder, plan.QueryKeyNorm, name + ".query_norm", depth, plan.NormSpansHeads ? queries : plan.Width),
            Norms.Make(builder, plan.QueryKeyNorm, name + ".key_norm", depth, plan.NormSpansHeads ? keys : plan.Width),
            plan);
    }

    // One token's query a row where the head above reads no more of the last layer; keys and values of all.
    private (Tensor Query, Tensor Key, Tensor Value) Project(Tensor input, Wanted? wanted, ForwardContext context)
    {
        (long batch, long tokens, int heads, long width) = (input.shape[0], input.shape[1], plan.QueryHeads, plan.Width);
        bool alike = plan.KeyHeads == heads && queryNorm is null;
        if (wanted is null && alike)
        {
            Tensor[] parts = projection.Forward(input, context).view(batch, tokens, 3, heads, width).permute(2, 0, 3, 1, 4).unbind(0);
            return (parts[0], parts[1], parts[2]);
        }
        if (wanted is null)
        {
            Tensor all = projection.Forward(input, context);
            return (Heads(all.narrow(2, 0, _queries), queryNorm, heads, context), Heads(all.narrow(2, _queries, _keys), keyNorm, plan.KeyHeads, context),
                AttentionProduct.Split(all.narrow(2, _queries + _keys, _keys), plan.KeyHeads));
        }
        Tensor query = Heads(projection.ForwardRows(wanted.Of(input), 0, _queries, context), queryNorm, heads, context);
        Tensor both = projection.ForwardRows(input, _queries, 2 * _keys, context);
        if (alike)
        {
            Tensor[] parts = both.view(batch, tokens, 2, heads, width).permute(2, 0, 3, 1, 4).unbind(0);
            return (query, parts[0], parts[1]);
        }
        return (query, Heads(both.narrow(2, 0, _keys), keyNorm, plan.KeyHeads, context), AttentionProduct.Split(both.narrow(2, _keys, _keys), plan.KeyHeads));
    }

    private Tensor Step(Tensor input, AttentionInput positions, ForwardContext context)
    {
        Tensor all = projection.Forward(input, context);
        TokenPart query = new(all), key = new(all, _queries), value = new(all, _queries + _keys);
        if (queryNorm is not null)
        {
            query = new(Normalized(all.narrow(2, 0, _queries), queryNorm, plan.QueryHeads, context));
            key = new(Normalized(all.narrow(2, _queries, _keys), keyNorm!, plan.KeyHeads, context));
        }
        return TokenStep.Attend(query, key, value, positions, plan, context.ComputeType);
    }

    private Tensor Normalized(Tensor states, INorm norm, int heads, ForwardContext context) =>
        norm.Forward(plan.NormSpansHeads ? states : states.reshape(states.shape[0], 1, heads, plan.Width), context.IsDecoding);

    private Tensor Heads(Tensor states, INorm? norm, int heads, ForwardContext context)
    {
        if (norm is null) return AttentionProduct.Split(states, heads);
        bool fuses = context.IsDecoding;
        Tensor split = plan.NormSpansHeads ? AttentionProduct.Split(norm.Forward(states, fuses), heads)
            : norm.Forward(AttentionProduct.Split(states, heads), fuses);
        return split.dtype == context.ComputeType ? split : split.to(context.ComputeType);
    }
}
