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
internal sealed class DisentangledPositions(Weight table, INorm? norm, DisentangledPlan plan)
{
    /// <summary>The vectors and which of them stands between two tokens.</summary>
    public RelativePositions Of(long tokens, Device device)
    {
        Tensor distance = RelativeBuckets.Signed(tokens, tokens, plan.Buckets, plan.Farthest, device);
        Tensor index = distance.PlusInPlace(plan.Span).clamp_(Held(0), Held((2 * plan.Span) - 1));
        return new(norm is null ? table.Value : norm.Forward(table.Value), index);
    }

    public static DisentangledPositions Make(WeightBuilder builder, DisentangledPlan plan, string prefix, long width) => new(
        builder.Make(prefix + "relative.weight", WeightKind.Embedding, 0, 2L * plan.Span, width),
        Norms.Make(builder, plan.Norm, prefix + "relative.norm", 0, width),
        plan);
}

/// <summary>Attention whose scores add up content to content, content to position and position to content (He et al. 2021, equation 4).</summary>
/// <param name="projection">Query, key and value in one product.</param>
/// <param name="positionKey">The positions that queries meet. Null: they do not, or the key projection makes them.</param>
/// <param name="positionQuery">The positions that keys meet. Null: they do not, or the query projection makes them.</param>
/// <param name="output">Back to the hidden size.</param>
/// <param name="attention">Heads, dropout, and which of the terms there are.</param>
internal sealed class DisentangledAttention(Linear projection, Linear? positionKey, Linear? positionQuery, Linear output, AttentionPlan attention) : IAttention
{
    private readonly int _heads = attention.QueryHeads;
    private readonly DisentangledPlan _plan = attention.Disentangled!;

    public Tensor Forward(Tensor input, AttentionInput positions, Wanted? wanted, ForwardContext context)
    {
        (long batch, long tokens, long hidden) = (input.shape[0], input.shape[1], input.shape[2]);
        long queries = wanted is null ? tokens : 1, width = hidden / _heads;
        Tensor query = Split(projection.ForwardRows(wanted is null ? input : wanted.Of(input), 0, hidden, context));
        Tensor[] parts = projection.ForwardRows(input, hidden, 2 * hidden, context).chunk(2, -1);
        Tensor key = Split(parts[0]), value = Split(parts[1]);
        int terms = 1 + (_plan.ContentToPosition ? 1 : 0) + (_plan.PositionToContent ? 1 : 0);
        query = query * Held(1 / Math.Sqrt(width * terms));
        Tensor scores = query.bmm(key.transpose(1, 2));
        if (positions.Relative is { } relative)
        {
            Tensor index = wanted is null ? relative.Index : wanted.OfTable(relative.Index).squeeze(1).expand(batch, 1, tokens);
            Tensor vectors = context.Dropout(relative.Vectors, _plan.Dropout, DropoutSite.RelativePositions);
            if (_plan.ContentToPosition) scores = scores.Plus(Meet(query, PositionKeys(vectors, context), index));
            // The score of a query and a key is the key's product with the same row; keys lie along dimension 1 here.
            if (_plan.PositionToContent)
            {
                Tensor positionQueries = PositionQueries(vectors, context) * Held(1 / Math.Sqrt(width * terms));
                scores = scores.Plus(Meet(key, positionQueries, index.transpose(-2, -1)).transpose(1, 2));
            }
        }
        AttentionMask? mask = wanted is null ? positions.Mask : positions.Mask?.Of(wanted);
        scores = scores.view(batch, _heads, queries, tokens);
        if (mask is not null) scores = scores.masked_fill(mask.Forbidden, Held(AttentionMask.Never));
        Tensor probabilities = context.Dropout(nn.functional.softmax(scores, -1), attention.Dropout, DropoutSite.Attention);
        Tensor attended = probabilities.view(batch * _heads, queries, tokens).bmm(value).view(batch, _heads, queries, width);
        return output.Forward(attended.transpose(1, 2).reshape(batch, queries, hidden), context);
    }

    public static DisentangledAttention Make(WeightBuilder builder, AttentionPlan attention, string name, int depth, int hidden)
    {
        DisentangledPlan plan = attention.Disentangled!;
        bool own = plan.Span > 0 && !plan.SharesProjections;
        return new(
            builder.Linear(
                name + ".projection", [(name + ".query", hidden), (name + ".key", hidden), (name + ".value", hidden)], depth, hidden, attention.Bias),
            own && plan.ContentToPosition ? builder.Linear(name + ".position_key", depth, hidden, hidden) : null,
            own && plan.PositionToContent ? builder.Linear(name + ".position_query", depth, hidden, hidden) : null,
            builder.Linear(name + ".output", depth, hidden, hidden, attention.OutputBias),
            attention);
    }

    /// <summary>The products of contents with all positions, and of those the one that each pair needs.</summary>
    /// <param name="content">[batch x heads, rows, width]</param>
    /// <param name="position">[heads, 2 span, width]</param>
    /// <param name="index">[rows, columns], or [batch, rows, columns] where rows of the batch differ</param>
    /// <returns>[batch x heads, rows, columns]</returns>
    private Tensor Meet(Tensor content, Tensor position, Tensor index)
    {
        (long rows, long width) = (content.shape[1], content.shape[2]);
        long batch = content.shape[0] / _heads, columns = index.shape[^1];
        // One product a head over the whole batch: positions are the same in each row.
        Tensor together = content.view(batch, _heads, rows, width).transpose(0, 1).reshape(_heads, batch * rows, width).bmm(position.transpose(1, 2));
        Tensor products = together.view(_heads, batch, rows, position.shape[1]).transpose(0, 1);
        Tensor chosen = index.dim() == 3 ? index.unsqueeze(1) : index;
        return products.gather(-1, chosen.expand(batch, _heads, rows, columns)).view(batch * _heads, rows, columns);
    }

    private Tensor PositionKeys(Tensor vectors, ForwardContext context) => Split((positionKey is null
        ? projection.ForwardRows(vectors, vectors.shape[1], vectors.shape[1], context)
        : positionKey.Forward(vectors, context)).unsqueeze(0));

    private Tensor PositionQueries(Tensor vectors, ForwardContext context) => Split((positionQuery is null
        ? projection.ForwardRows(vectors, 0, vectors.shape[1], context)
        : positionQuery.Forward(vectors, context)).unsqueeze(0));

    // [batch, tokens, hidden] to [batch x heads, tokens, width]
    private Tensor Split(Tensor states) =>
        states.view(states.shape[0], states.shape[1], _heads, -1).transpose(1, 2).reshape(states.shape[0] * _heads, states.shape[1], -1);
}
