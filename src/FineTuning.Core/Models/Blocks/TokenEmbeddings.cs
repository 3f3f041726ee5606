using FineTuning.Tensors;
using TorchSharp;
using static FineTuning.Tensors.Scalars;
using static TorchSharp.torch;

namespace FineTuning.Models;

/// <summary>The sum of token, position and type embeddings, normalized; widened where the hidden size is larger.</summary>
internal sealed class TokenEmbeddings(Weight tokens, Weight? positions, Weight? types, LayerNorm norm, Linear? widening, ModelSpec spec)
{
    public Weight Tokens { get; } = tokens;

    /// <param name="input">Ids, and types where the model has them.</param>
    /// <param name="context">The pass.</param>
    /// <returns>[batch, tokens, hidden]</returns>
    public Tensor Forward(EncoderInput input, ForwardContext context)
    {
        Tensor sum = Sum(input, context);
        bool widensFirst = spec.Widening is { BeforeNorm: true };
        if (widensFirst && widening is not null) sum = widening.Forward(sum, context);
        Tensor hidden = norm.Forward(sum);
        if (spec.ClearsPadding && input.Mask is not null) hidden = hidden.masked_fill(input.Mask.logical_not().unsqueeze(2), Held(0));
        if (context.Normalized is { } normalized) hidden = normalized(hidden);
        hidden = context.Dropout(hidden, spec.Dropouts.Embedding ?? 0);
        return widensFirst || widening is null ? hidden : widening.Forward(hidden, context);
    }

    public static TokenEmbeddings Make(WeightBuilder builder, ModelSpec spec)
    {
        Weight tokens = builder.Make("embeddings.token.weight", WeightKind.Embedding, 0, spec.VocabularySize, spec.EmbeddingSize);
        Weight? positions = spec.PositionCount == 0 ? null : builder.Make("embeddings.position.weight", WeightKind.Embedding, 0, spec.PositionCount, spec.EmbeddingSize);
        Weight? types = spec.TypeVocabularySize == 0 ? null : builder.Make("embeddings.type.weight", WeightKind.Embedding, 0, spec.TypeVocabularySize, spec.EmbeddingSize);
        int normalized = spec.Widening is { BeforeNorm: true } ? spec.HiddenSize : spec.EmbeddingSize;
        LayerNorm norm = LayerNorm.Make(builder, "embeddings.norm", 0, normalized, spec.NormEpsilon, spec.Layer.NormBias);
        Linear? widening = spec.Widening is { } plan ? Linear.Make(builder, "embeddings.widening", 0, spec.EmbeddingSize, spec.HiddenSize, plan.Bias) : null;
        return new(tokens, positions, types, norm, widening, spec);
    }

    private Tensor Sum(EncoderInput input, ForwardContext context)
    {
        Tensor sum = Kernels.Embedding(Tokens.Value, input.Ids, spec.PadTokenId ?? -1);
        if (context.Embedded is { } embedded) sum = embedded(sum);
        if (types is not null) sum = sum.Plus(input.Types is null ? types.Value.narrow(0, 0, 1) : Kernels.Embedding(types.Value, input.Types));
        if (positions is null) return sum;
        return sum.Plus(spec.PositionOffset == 0
            ? positions.Value.narrow(0, 0, input.Ids.shape[1]).unsqueeze(0)
            : Kernels.Embedding(positions.Value, PositionsOfRealTokens(input.Ids), spec.PositionOffset - 1));
    }

    // RoBERTa counts tokens that are not the padding id, from the padding id + 1 on; padding itself stands at the padding id.
    private Tensor PositionsOfRealTokens(Tensor ids)
    {
        long pad = spec.PositionOffset - 1;
        Tensor real = ids.ne(Held(pad)).to(ScalarType.Int64);
        return (real.cumsum(1) * real).Plus(pad);
    }
}
