using FineTuning.Tensors;
using TorchSharp;
using static FineTuning.Tensors.Scalars;
using static TorchSharp.torch;

namespace FineTuning.Models;

/// <summary>Vectors of relative positions and which of them stands between two tokens.</summary>
/// <param name="Vectors">[2 span, hidden]</param>
/// <param name="Index">[tokens, tokens], int64: the row for a query and a key.</param>
internal sealed record RelativePositions(Tensor Vectors, Tensor Index);

/// <summary>One table of relative positions for all layers, normalized where the checkpoint says so.</summary>
internal sealed class DisentangledPositions(Weight? table, INorm? norm, DisentangledPlan plan) : PositionScheme
{
    public override AttentionInput[] Prepare(EncoderInput input, int layers)
    {
        AttentionMask? mask = AttentionMask.OfPairs(input.Mask);
        if (table is null) return ForAll(new(input.Mask, mask), layers);
        long tokens = input.Ids.shape[1];
        Tensor index = RelativeBuckets.Signed(tokens, tokens, plan.Buckets, plan.Farthest, input.Ids.device).PlusInPlace(plan.Span).clamp_(Held(0), Held((2 * plan.Span) - 1));
        return ForAll(new(input.Mask, mask, Relative: new(norm is null ? table.Value : norm.Forward(table.Value), index)), layers);
    }

    public static DisentangledPositions Make(WeightBuilder builder, DisentangledPlan plan, ModelSpec spec) => new(
        plan.Span == 0 ? null : builder.Make("relative.weight", WeightKind.Embedding, 0, 2L * plan.Span, spec.HiddenSize),
        plan.Normalized ? LayerNorm.Make(builder, "relative.norm", 0, spec.HiddenSize, spec.NormEpsilon) : null,
        plan);
}

/// <summary>Attention whose scores add up content to content, content to position and position to content (He et al. 2021, equation 4).</summary>
/// <param name="projection">Query, key and value in one product.</param>
/// <param name="positionKey">The positions that queries meet; null: they do not, or the key projection makes them.</param>
/// <param name="positionQuery">The positions that keys meet; null: they do not, or the query projection makes them.</param>
/// <param name="output">Back to the hidden size.</param>
/// <param name="plan">Which of the terms there are.</param>
/// <param name="heads">Attention heads.</param>
/// <param name="dropout">Of the probabilities.</param>
/// <param name="positionDropout">Of the vectors of relative positions.</param>
internal sealed class DisentangledAttention(
    Linear projection, Linear? positionKey, Linear? positionQuery, Linear output, DisentangledPlan plan, int heads, double dropout, double positionDropout) : IAttention
{
    public Tensor Forward(Tensor input, AttentionInput positions, bool firstOnly, ForwardContext context)
    {
        (long batch, long tokens, long hidden) = (input.shape[0], input.shape[1], input.shape[2]);
        long queries = firstOnly ? 1 : tokens, width = hidden / heads;
        Tensor query = Split(projection.ForwardRows(firstOnly ? input.narrow(1, 0, 1) : input, 0, hidden, context));
        Tensor[] parts = projection.ForwardRows(input, hidden, 2 * hidden, context).chunk(2, -1);
        Tensor key = Split(parts[0]), value = Split(parts[1]);
        int terms = 1 + (plan.ContentToPosition ? 1 : 0) + (plan.PositionToContent ? 1 : 0);
        query = query * Held(1 / Math.Sqrt(width * terms));
        Tensor scores = query.bmm(key.transpose(1, 2));
        if (positions.Relative is { } relative)
        {
            Tensor index = firstOnly ? relative.Index.narrow(0, 0, 1) : relative.Index;
            Tensor vectors = context.Dropout(relative.Vectors, positionDropout);
            if (plan.ContentToPosition) scores = scores.Plus(Meet(query, PositionKeys(vectors, context), index));
            // The score of a query and a key is the key's product with the same row; keys lie along dimension 1 here.
            if (plan.PositionToContent) scores = scores.Plus(Meet(key, PositionQueries(vectors, context) * Held(1 / Math.Sqrt(width * terms)), index.t()).transpose(1, 2));
        }
        AttentionMask? mask = firstOnly ? positions.Mask?.OfFirst() : positions.Mask;
        scores = scores.view(batch, heads, queries, tokens);
        if (mask is not null) scores = scores.masked_fill(mask.Forbidden, Held(AttentionMask.Never));
        Tensor probabilities = context.Dropout(nn.functional.softmax(scores, -1), dropout);
        Tensor attended = probabilities.view(batch * heads, queries, tokens).bmm(value).view(batch, heads, queries, width);
        return output.Forward(attended.transpose(1, 2).reshape(batch, queries, hidden), context);
    }

    public static DisentangledAttention Make(WeightBuilder builder, string name, int depth, DisentangledPlan plan, ModelSpec spec)
    {
        int hidden = spec.HiddenSize;
        bool own = plan.Span > 0 && !plan.SharesProjections;
        return new(
            Linear.MakeStacked(builder, name + ".projection", [name + ".query", name + ".key", name + ".value"], depth, hidden, hidden),
            own && plan.ContentToPosition ? Linear.Make(builder, name + ".position_key", depth, hidden, hidden) : null,
            own && plan.PositionToContent ? Linear.Make(builder, name + ".position_query", depth, hidden, hidden) : null,
            Linear.Make(builder, name + ".output", depth, hidden, hidden),
            plan,
            spec.HeadCount,
            spec.Dropouts.Attention ?? 0,
            spec.Dropouts.Output ?? 0);
    }

    /// <summary>The products of contents with all positions, and of those the one that each pair needs.</summary>
    /// <param name="content">[batch x heads, rows, width]</param>
    /// <param name="position">[heads, 2 span, width]</param>
    /// <param name="index">[rows, columns]</param>
    /// <returns>[batch x heads, rows, columns]</returns>
    private Tensor Meet(Tensor content, Tensor position, Tensor index)
    {
        (long rows, long width) = (content.shape[1], content.shape[2]);
        long batch = content.shape[0] / heads;
        // One product a head over the whole batch: positions are the same in each row.
        Tensor together = content.view(batch, heads, rows, width).transpose(0, 1).reshape(heads, batch * rows, width).bmm(position.transpose(1, 2));
        Tensor products = together.view(heads, batch, rows, position.shape[1]).transpose(0, 1);
        return products.gather(-1, index.expand(batch, heads, rows, index.shape[1])).view(batch * heads, rows, index.shape[1]);
    }

    private Tensor PositionKeys(Tensor vectors, ForwardContext context) => Split((positionKey is null
        ? projection.ForwardRows(vectors, vectors.shape[1], vectors.shape[1], context)
        : positionKey.Forward(vectors, context)).unsqueeze(0));

    private Tensor PositionQueries(Tensor vectors, ForwardContext context) => Split((positionQuery is null
        ? projection.ForwardRows(vectors, 0, vectors.shape[1], context)
        : positionQuery.Forward(vectors, context)).unsqueeze(0));

    // [batch, tokens, hidden] to [batch x heads, tokens, width]
    private Tensor Split(Tensor states) => states.view(states.shape[0], states.shape[1], heads, -1).transpose(1, 2).reshape(states.shape[0] * heads, states.shape[1], -1);
}
