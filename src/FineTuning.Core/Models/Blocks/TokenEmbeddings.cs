using FineTuning.Tensors;
using TorchSharp;
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
        long length = input.Ids.shape[1];
        Tensor sum = Kernels.Embedding(Tokens.Value, input.Ids, spec.PadTokenId ?? -1);
        if (types is not null) sum = sum + (input.Types is null ? types.Value.narrow(0, 0, 1) : Kernels.Embedding(types.Value, input.Types));
        if (positions is not null)
        {
            sum = sum + (spec.PositionOffset == 0
                ? positions.Value.narrow(0, 0, length).unsqueeze(0)
                : Kernels.Embedding(positions.Value, PositionsOfRealTokens(input.Ids), spec.PositionOffset - 1));
        }
        Tensor hidden = context.Dropout(norm.Forward(sum), spec.HiddenDropout);
        return widening is null ? hidden : widening.Forward(hidden, context);
    }

    public static TokenEmbeddings Make(WeightBuilder builder, ModelSpec spec)
    {
        Weight tokens = builder.Make("embeddings.token.weight", WeightKind.Embedding, 0, spec.VocabularySize, spec.EmbeddingSize);
        Weight? positions = spec.PositionCount == 0 ? null : builder.Make("embeddings.position.weight", WeightKind.Embedding, 0, spec.PositionCount, spec.EmbeddingSize);
        Weight? types = spec.TypeVocabularySize == 0 ? null : builder.Make("embeddings.type.weight", WeightKind.Embedding, 0, spec.TypeVocabularySize, spec.EmbeddingSize);
        LayerNorm norm = LayerNorm.Make(builder, "embeddings.norm", 0, spec.EmbeddingSize, spec.NormEpsilon);
        Linear? widening = spec.EmbeddingSize == spec.HiddenSize ? null : Linear.Make(builder, "embeddings.widening", 0, spec.EmbeddingSize, spec.HiddenSize);
        return new(tokens, positions, types, norm, widening, spec);
    }

    // RoBERTa counts tokens that are not the padding id, from the padding id + 1 on; padding itself stands at the padding id.
    private Tensor PositionsOfRealTokens(Tensor ids)
    {
        long pad = spec.PositionOffset - 1;
        Tensor real = ids.ne(pad).to(ScalarType.Int64);
        return (real.cumsum(1) * real) + pad;
    }
}
