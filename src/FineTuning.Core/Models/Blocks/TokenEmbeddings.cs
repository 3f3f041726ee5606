using FineTuning.Tensors;
using TorchSharp;
using static FineTuning.Tensors.Scalars;
using static TorchSharp.torch;

namespace FineTuning.Models;

/// <summary>The sum of token, position and type embeddings; normalized, widened, dropped from as the plan says.</summary>
internal sealed class TokenEmbeddings(EmbeddingTable tokens, EmbeddingTable? positions, EmbeddingTable? types, INorm? norm, Linear? widening,
    EmbeddingPlan plan, int padTokenId)
{
    private float[]? _sinusoids;

    /// <param name="input">Ids, and what else of the batch the model has embeddings for.</param>
    /// <param name="context">The pass.</param>
    /// <returns>[batch, tokens, hidden]</returns>
    public Tensor Forward(TrunkInput input, ForwardContext context)
    {
        Tensor sum = Sum(input, context);
        bool widensFirst = plan.Widening is { BeforeNorm: true };
        if (widensFirst && widening is not null) sum = widening.Forward(sum, context);
        Tensor hidden = norm is null ? sum : norm.Forward(sum);
        if (plan.ClearsPadding && input.Mask is not null) hidden = hidden.masked_fill(input.Mask.logical_not().unsqueeze(2), Held(0));
        if (context.Normalized is { } normalized) hidden = normalized(hidden);
        hidden = context.Dropout(hidden, plan.Dropout, DropoutSite.Embedding);
        return widensFirst || widening is null ? hidden : widening.Forward(hidden, context);
    }

    /// <summary>The positions of the tokens, [tokens] or [batch, tokens], int64.</summary>
    public Tensor PositionsOf(TrunkInput input)
    {
        if (input.Positions is not null) return input.Positions;
        if (input.Segments is not null)
            throw new ArgumentException("a batch of several texts a row needs its positions; each text's begin at 0", nameof(input));
        if (plan.Rule == PositionRule.Ids && input.Embeddings is null && input.Prompt is null)
        {
            // Padding stands one before the first position.
            Tensor real = input.Ids.ne(Held(padTokenId)).to(ScalarType.Int64);
            return (real.cumsum(1).Plus(input.Past) * real).Plus(-1);
        }
        long past = input.Past;
        if (plan.Rule == PositionRule.Index || input.Mask is null || (input.PadsRight && past == 0))
            return Range(past, past + input.Tokens, device: input.Ids.device);
        Tensor mask = input.Mask.to(ScalarType.Int64), counted = mask.cumsum(1).Plus(-1).clamp_min(Held(0));
        return mask.shape[1] == input.Tokens ? counted.Plus(past) : counted.narrow(1, mask.shape[1] - input.Tokens, input.Tokens);
    }

    /// <param name="builder">Gives the weights.</param>
    /// <param name="trunk">Plan and hidden size.</param>
    /// <param name="prefix">Of the stack's weights.</param>
    /// <param name="tokens">The table of tokens, which stacks share.</param>
    public static TokenEmbeddings Make(WeightBuilder builder, TrunkPlan trunk, string prefix, EmbeddingTable tokens)
    {
        (EmbeddingPlan plan, string name) = (trunk.Embedding, prefix + "embeddings.");
        EmbeddingTable? positions = plan.Positions is { IsSinusoidal: false } learned
            ? builder.Table(name + "position", learned.PaddingRow, learned.Count, plan.Width) : null;
        EmbeddingTable? types = plan.TypeCount == 0 ? null : builder.Table(name + "type", -1, plan.TypeCount, plan.Width);
        INorm? norm = Norms.Make(builder, plan.Norm, name + "norm", 0, plan.Widening is { BeforeNorm: true } ? trunk.HiddenSize : plan.Width);
        Linear? widening = plan.Widening is null ? null : builder.Linear(name + "widening", 0, plan.Width, trunk.HiddenSize, plan.Widening.Bias);
        return new(tokens, positions, types, norm, widening, plan, trunk.PadTokenId ?? -1);
    }

    private Tensor Sum(TrunkInput input, ForwardContext context)
    {
        long learned = input.Prompt?.shape[0] ?? 0;
        Tensor sum = input.Embeddings ?? tokens.Forward(learned == 0 ? input.Ids : input.Ids.narrow(1, learned, input.Tokens - learned), context);
        if (context.Embedded is { } embedded) sum = embedded(sum);
        if (context.Noise is { } noise) sum = noise.Add(sum, input.Mask);
        if (plan.Scale != 1) sum = sum * Held(plan.Scale);
        if (input.Prompt is { } prompt) sum = cat([prompt.to(sum.dtype).unsqueeze(0).expand(sum.shape[0], -1, -1), sum], 1);
        if (types is not null) sum = sum.Plus(input.Types is null ? types.Weight.Value.narrow(0, 0, 1) : types.Forward(input.Types, context));
        if (plan.Positions is not { } table) return sum;
        // Consecutive positions are a slice of the table.
        bool consecutive = positions is { Adapter: null } && input.Positions is null && PositionsOf(input).dim() == 1;
        if (consecutive) return sum.Plus(positions!.Weight.Value.narrow(0, table.Offset + input.Past, input.Tokens).unsqueeze(0));
        Tensor rows = PositionsOf(input).Plus(table.Offset);
        return sum.Plus(positions is null ? Sinusoids(table, input.Ids.device).index_select(0, rows.reshape(-1)).view([.. rows.shape, plan.Width])
            : positions.Forward(rows, context));
    }

    private Tensor Sinusoids(PositionEmbeddingPlan table, Device device)
    {
        if (_sinusoids is null)
        {
            var values = new float[(long)table.Count * plan.Width];
            int half = (plan.Width + 1) / 2;
            for (int position = 0; position < table.Count; position++)
            {
                for (int i = 0; i < plan.Width; i++)
                {
                    int channel = i < half ? i : i - half;
                    double angle = position / Math.Pow(10000, 2.0 * channel / plan.Width);
                    values[(position * plan.Width) + i] = (float)(i < half ? Math.Sin(angle) : Math.Cos(angle));
                }
            }
            _sinusoids = values;
        }
        return tensor(_sinusoids, [table.Count, plan.Width], ScalarType.Float32, device);
    }
}
