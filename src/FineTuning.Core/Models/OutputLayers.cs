using TorchSharp;
using static TorchSharp.torch;

namespace FineTuning.Models;

/// <summary>From hidden states to scores: the head that stands in the checkpoint.</summary>
internal abstract class OutputLayers
{
    /// <summary>Whether only the first token's hidden state is read, so that the last layer can be computed for it alone.</summary>
    public virtual bool FirstTokenOnly => false;

    /// <param name="hidden">[batch, tokens, hidden], or [batch, 1, hidden] where only the first token is read.</param>
    /// <param name="input">The batch.</param>
    /// <param name="context">The pass.</param>
    /// <returns>[batch, outputs] or [batch, tokens, outputs], float32</returns>
    public abstract Tensor Forward(Tensor hidden, EncoderInput input, ForwardContext context);

    /// <summary>The modules by which a checkpoint shows that it holds this head.</summary>
    public static IReadOnlyList<string> Marks(HeadKind kind) => kind switch
    {
        HeadKind.None => [],
        HeadKind.MaskedLanguage => ["head.dense"],
        _ => ["head.output"],
    };

    public static OutputLayers? Make(WeightBuilder builder, ModelSpec spec, HeadKind kind, int outputs, Weight tokenTable)
    {
        (HeadPlan plan, DropoutRates dropouts) = (spec.Heads, spec.Dropouts);
        switch (kind)
        {
            case HeadKind.None:
                return null;
            case HeadKind.SequenceClassification:
                return new SequenceOutput(plan.Pooling, dropouts.Pooled ?? 0, HeadDense.Make(builder, plan.Sequence, spec, spec.HiddenSize), MakeOutput(), dropouts.Sequence ?? 0);
            case HeadKind.MaskedLanguage:
                return MakeMasked(builder, spec, tokenTable);
            default:
                HeadDense? dense = plan.Token is null ? null : HeadDense.Make(builder, plan.Token, spec, spec.HiddenSize);
                return new TokenOutput(dense, MakeOutput(), (kind == HeadKind.QuestionAnswering ? dropouts.Answer : dropouts.Token) ?? 0);
        }

        Linear MakeOutput() => Linear.Make(builder, "head.output", spec.LayerCount + 1, spec.HiddenSize, outputs, isHead: true);
    }

    private static MaskedLanguageOutput MakeMasked(WeightBuilder builder, ModelSpec spec, Weight tokenTable)
    {
        int depth = spec.LayerCount + 1;
        builder.Tie("head.output.weight");
        builder.Tie("head.output.bias");
        HeadDense dense = HeadDense.Make(builder, spec.Heads.Masked, spec, spec.EmbeddingSize);
        // A matrix in the file that is not the embeddings wins over config.json, as in the reference: a copy of them is stored often, another one on purpose.
        bool tied = spec.TiesOutput && !builder.HoldsOther("head.output.weight", tokenTable);
        Weight table = tied ? tokenTable : builder.MakeHead("head.output.weight", WeightKind.Matrix, depth, spec.VocabularySize, spec.EmbeddingSize);
        return new(dense, table, spec.Heads.MaskedBias ? builder.MakeHead("head.output_bias.bias", WeightKind.Bias, depth, spec.VocabularySize) : null);
    }
}

/// <summary>A head's dense layer with its function and norm, on any leading dimensions.</summary>
internal sealed class HeadDense(Linear dense, Activation function, INorm? norm)
{
    public Tensor Forward(Tensor input, ForwardContext context)
    {
        Tensor features = function.Apply(dense.Forward(input, context));
        return norm is null ? features : norm.Forward(features);
    }

    public static HeadDense Make(WeightBuilder builder, DensePlan plan, ModelSpec spec, int width)
    {
        int depth = spec.LayerCount + 1;
        return new(
            Linear.Make(builder, plan.Name, depth, spec.HiddenSize, width, plan.Bias, isHead: true),
            plan.Function,
            plan.HasNorm ? LayerNorm.Make(builder, "head.norm", depth, width, spec.NormEpsilon, plan.NormBias, isHead: true) : null);
    }
}

/// <summary>One vector of scores for a sequence.</summary>
internal sealed class SequenceOutput(SequencePooling pooling, double pooledDropout, HeadDense dense, Linear output, double dropout) : OutputLayers
{
    public override bool FirstTokenOnly => pooling == SequencePooling.First;

    public override Tensor Forward(Tensor hidden, EncoderInput input, ForwardContext context)
    {
        Tensor pooled = pooling == SequencePooling.First ? hidden.narrow(1, 0, 1).squeeze(1) : Mean(hidden, input.Mask);
        Tensor features = dense.Forward(context.Dropout(pooled, pooledDropout), context);
        return output.Forward(context.Dropout(features, dropout), context).to(context.ResultType);
    }

    private static Tensor Mean(Tensor hidden, Tensor? mask)
    {
        if (mask is null) return hidden.mean([1]);
        Tensor real = mask.to(hidden.dtype).unsqueeze(2);
        return (hidden * real).sum(1) / real.sum(1);
    }
}

/// <summary>Scores for each token.</summary>
internal sealed class TokenOutput(HeadDense? dense, Linear output, double dropout) : OutputLayers
{
    public override Tensor Forward(Tensor hidden, EncoderInput input, ForwardContext context) =>
        output.Forward(context.Dropout(dense is null ? hidden : dense.Forward(hidden, context), dropout), context).to(context.ResultType);
}

/// <summary>Scores over the vocabulary, by the token embeddings themselves where the checkpoint ties them.</summary>
internal sealed class MaskedLanguageOutput(HeadDense dense, Weight table, Weight? bias) : OutputLayers
{
    /// <summary>Works on any leading dimensions, so that scores can be computed at masked places alone.</summary>
    public override Tensor Forward(Tensor hidden, EncoderInput input, ForwardContext context) =>
        new Linear(table, bias).Forward(dense.Forward(hidden, context), context).to(context.ResultType);
}
