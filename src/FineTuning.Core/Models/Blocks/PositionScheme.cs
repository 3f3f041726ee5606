using FineTuning.Tensors;
using TorchSharp;
using static TorchSharp.torch;

namespace FineTuning.Models;

/// <summary>Masks and positions of a pass, made before the lowest layer.</summary>
internal abstract class PositionScheme
{
    /// <param name="input">The batch.</param>
    /// <param name="layers">How many layers there are.</param>
    /// <returns>What each layer's attention gets.</returns>
    public abstract AttentionInput[] Prepare(EncoderInput input, int layers);

    /// <exception cref="NotSupportedException">There is no such plan.</exception>
    public static PositionScheme Make(WeightBuilder builder, ModelSpec spec) => spec.Positions switch
    {
        null => new AbsolutePositions(),
        RelativeBiasPlan plan => RelativeBias.Make(builder, plan, spec.HeadCount),
        DisentangledPlan plan => DisentangledPositions.Make(builder, plan, spec),
        RotaryPlan plan => new RotaryPositions(plan, spec.HiddenSize / spec.HeadCount),
        { } other => throw new NotSupportedException($"positions by {other.GetType().Name}"),
    };

    protected static AttentionInput[] ForAll(AttentionInput positions, int layers)
    {
        var all = new AttentionInput[layers];
        Array.Fill(all, positions);
        return all;
    }
}

/// <summary>Positions in the embeddings alone.</summary>
internal sealed class AbsolutePositions : PositionScheme
{
    public override AttentionInput[] Prepare(EncoderInput input, int layers) => ForAll(new(input.Mask, AttentionMask.OfPadding(input.Mask)), layers);
}

/// <summary>A bias for each head and bucket of distances, computed once and added in every layer.</summary>
/// <param name="table">[rows, heads]</param>
/// <param name="plan">The buckets.</param>
internal sealed class RelativeBias(Weight table, RelativeBiasPlan plan) : PositionScheme
{
    public override AttentionInput[] Prepare(EncoderInput input, int layers)
    {
        long tokens = input.Ids.shape[1];
        Tensor buckets = RelativeBuckets.OfBias(tokens, tokens, plan.Buckets, plan.Farthest, bothSides: true, input.Ids.device);
        Tensor bias = Tensors.Kernels.Embedding(table.Value, buckets).permute(2, 0, 1).unsqueeze(0);
        AttentionMask? mask = AttentionMask.OfPadding(input.Mask);
        return ForAll(new(input.Mask, Bias: mask is null ? bias : bias.Plus(mask.Added())), layers);
    }

    public static RelativeBias Make(WeightBuilder builder, RelativeBiasPlan plan, int heads) =>
        new(builder.Make("relative.weight", WeightKind.Embedding, 0, plan.Rows, heads), plan);
}

/// <summary>Rotations, and neighbourhoods where layers see no further.</summary>
internal sealed class RotaryPositions(RotaryPlan plan, long width) : PositionScheme
{
    public override AttentionInput[] Prepare(EncoderInput input, int layers)
    {
        long tokens = input.Ids.shape[1];
        AttentionMask? padding = AttentionMask.OfPadding(input.Mask);
        var made = new Dictionary<RotaryLayer, AttentionInput>();
        foreach (RotaryLayer layer in plan.Layers.Take(layers)) if (!made.ContainsKey(layer)) made[layer] = Make(layer);
        return [.. plan.Layers.Take(layers).Select(layer => made[layer])];

        AttentionInput Make(RotaryLayer layer)
        {
            Rotation rotation = Rotation.At(Rotation.Frequencies(width, layer.Base, input.Ids.device), 0, tokens);
            if (layer.Reach is not { } reach || reach >= tokens - 1) return new(input.Mask, padding, Rotation: rotation);
            AttentionMask near = AttentionMask.OfNeighbours(padding, tokens, reach, input.Ids.device);
            // Padding whose neighbours are all padding sees nothing; a finite bias lets it attend evenly, where a mask leaves the kernel to choose.
            return near.LeavesNothing() ? new(input.Mask, Bias: near.Added(), Rotation: rotation) : new(input.Mask, near, Rotation: rotation);
        }
    }
}
