using FineTuning.Tensors;
using TorchSharp;
using static TorchSharp.torch;

namespace FineTuning.Models;

/// <summary>Attention of a decoder's tokens to the encoder's states (Vaswani et al. 2017, section 3.2.3).</summary>
/// <param name="query">Of the decoder's states.</param>
/// <param name="memory">Keys, then values, of the encoder's states.</param>
/// <param name="output">Back to the hidden size.</param>
/// <param name="plan">Heads and the rest.</param>
internal sealed class CrossAttention(Linear query, Linear memory, Linear output, AttentionPlan plan)
{
    /// <param name="input">[batch, tokens, hidden]</param>
    /// <param name="positions">Memory and its mask.</param>
    /// <param name="context">The layer's pass.</param>
    /// <returns>[batch, tokens, hidden]</returns>
    public Tensor Forward(Tensor input, AttentionInput positions, ForwardContext context)
    {
        Tensor projected = query.Forward(input, context);
        (Tensor keys, Tensor values) = positions.Cache is { } cache
            ? cache.Cross(positions.Layer, () => Project(positions, context)) : Project(positions, context);
        if (TokenStep.TryAttendMemory(projected, keys, values, positions, plan, context) is { } step) return output.Forward(step, context);
        Tensor queries = AttentionProduct.Split(projected, plan.QueryHeads);
        if (keys.dtype != queries.dtype) (keys, values) = (keys.to(queries.dtype), values.to(queries.dtype));
        Tensor attended = AttentionProduct.Attend(queries, keys, values, positions.MemoryMask, null, plan, DropoutSite.Cross, context);
        return output.Forward(AttentionProduct.Join(attended), context);
    }

    public static CrossAttention Make(WeightBuilder builder, AttentionPlan plan, string name, int depth, long width)
    {
        (long queries, long keys) = ((long)plan.QueryHeads * plan.Width, (long)plan.KeyHeads * plan.Width);
        return new(
            builder.Linear(name + ".query", depth, width, queries, plan.Bias),
            builder.Linear(name + ".memory", [(name + ".key", keys), (name + ".value", keys)], depth, width, plan.Bias),
            builder.Linear(name + ".output", depth, queries, width, plan.OutputBias),
            plan);
    }

    private (Tensor Keys, Tensor Values) Project(AttentionInput positions, ForwardContext context)
    {
        Tensor states = positions.Memory ?? throw new InvalidOperationException("a decoder that reads an encoder needs its states; give Source or Memory");
        Tensor[] parts = memory.Forward(states, context).chunk(2, -1);
        return (AttentionProduct.Split(parts[0], plan.KeyHeads), AttentionProduct.Split(parts[1], plan.KeyHeads));
    }
}
