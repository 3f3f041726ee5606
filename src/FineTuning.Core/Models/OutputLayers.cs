using FineTuning.Tensors;
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

    public static OutputLayers? Make(WeightBuilder builder, EncoderFamily family, ModelSpec spec, HeadKind kind, int outputs, Weight tokenTable, Linear? pooler)
    {
        int depth = spec.LayerCount + 1;
        switch (kind)
        {
            case HeadKind.None:
                return null;
            case HeadKind.SequenceClassification:
                SequenceHeadPlan plan = family.SequenceHead;
                Linear dense = pooler ?? Linear.Make(builder, plan.Dense, depth, spec.HiddenSize, spec.HiddenSize, isHead: true);
                return new SequenceOutput(plan, dense, Linear.Make(builder, "head.output", depth, spec.HiddenSize, outputs, isHead: true), spec.HeadDropout);
            case HeadKind.MaskedLanguage:
                builder.Tie("head.output.weight");
                builder.Tie("head.output.bias");
                return new MaskedLanguageOutput(
                    Linear.Make(builder, "head.dense", depth, spec.HiddenSize, spec.EmbeddingSize, isHead: true),
                    family.MaskedLanguageFunction(spec),
                    LayerNorm.Make(builder, "head.norm", depth, spec.EmbeddingSize, spec.NormEpsilon, isHead: true),
                    tokenTable,
                    builder.MakeHead("head.output_bias.bias", WeightKind.Bias, depth, spec.VocabularySize));
            default:
                double dropout = kind == HeadKind.QuestionAnswering ? 0 : spec.HeadDropout;
                return new TokenOutput(Linear.Make(builder, "head.output", depth, spec.HiddenSize, outputs, isHead: true), dropout);
        }
    }
}

/// <summary>One vector of scores for a sequence.</summary>
internal sealed class SequenceOutput(SequenceHeadPlan plan, Linear dense, Linear output, double dropout) : OutputLayers
{
    public override bool FirstTokenOnly => true;

    public override Tensor Forward(Tensor hidden, EncoderInput input, ForwardContext context)
    {
        Tensor pooled = hidden.narrow(1, 0, 1).squeeze(1);
        if (plan.DropoutBefore) pooled = context.Dropout(pooled, dropout);
        Tensor features = context.Dropout(plan.Function.Apply(dense.Forward(pooled, context)), dropout);
        return output.Forward(features, context).to(ScalarType.Float32);
    }
}

/// <summary>Scores for each token.</summary>
internal sealed class TokenOutput(Linear output, double dropout) : OutputLayers
{
    public override Tensor Forward(Tensor hidden, EncoderInput input, ForwardContext context) =>
        output.Forward(context.Dropout(hidden, dropout), context).to(ScalarType.Float32);
}

/// <summary>Scores over the vocabulary, by the token embeddings themselves.</summary>
internal sealed class MaskedLanguageOutput(Linear dense, Activation function, LayerNorm norm, Weight table, Weight bias) : OutputLayers
{
    /// <summary>Works on any leading dimensions, so that scores can be computed at masked places alone.</summary>
    public override Tensor Forward(Tensor hidden, EncoderInput input, ForwardContext context)
    {
        Tensor features = norm.Forward(function.Apply(dense.Forward(hidden, context)));
        Tensor computed = features.dtype == context.ComputeType ? features : features.to(context.ComputeType);
        return nn.functional.linear(computed, context.Compute(table), context.Compute(bias)).to(ScalarType.Float32);
    }
}
