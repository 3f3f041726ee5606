using static TorchSharp.torch;

namespace FineTuning.Models;

/// <summary>One layer of an encoder.</summary>
internal interface IEncoderLayer
{
    /// <param name="input">[batch, tokens, hidden]</param>
    /// <param name="positions">Masks and positions.</param>
    /// <param name="firstOnly">Whether only the first token's output is needed.</param>
    /// <param name="context">The pass.</param>
    /// <returns>[batch, tokens, hidden], or [batch, 1, hidden] where only the first is needed and the layer can be computed for it alone</returns>
    Tensor Forward(Tensor input, AttentionInput positions, bool firstOnly, ForwardContext context);

    /// <summary>The output at some places only: what can be left out for the others is not computed.</summary>
    /// <param name="input">[batch, tokens, hidden]</param>
    /// <param name="positions">Masks and positions.</param>
    /// <param name="places">Places in the flattened batch, [places], int64.</param>
    /// <param name="context">The pass.</param>
    /// <returns>[places, hidden]</returns>
    Tensor ForwardAt(Tensor input, AttentionInput positions, Tensor places, ForwardContext context) => Rows.At(Forward(input, positions, false, context), places);
}

/// <summary>Rows of a batch of token vectors.</summary>
internal static class Rows
{
    /// <returns>[places, hidden] of [batch, tokens, hidden]</returns>
    public static Tensor At(Tensor hidden, Tensor places) => hidden.reshape(-1, hidden.shape[2]).index_select(0, places);
}

/// <summary>Attention and a feed-forward network, each a branch that joins the stream again (Vaswani et al. 2017, section 3.1).</summary>
internal sealed class EncoderLayer(IAttention attention, Residual aroundAttention, IFeedForward feedForward, Residual aroundFeedForward) : IEncoderLayer
{
    public Tensor Forward(Tensor input, AttentionInput positions, bool firstOnly, ForwardContext context)
    {
        Tensor attended = attention.Forward(aroundAttention.Enter(input), positions, firstOnly, context);
        Tensor middle = aroundAttention.Join(firstOnly ? input.narrow(1, 0, 1) : input, attended, context);
        return Finish(middle, context);
    }

    /// <summary>Attention mixes all tokens; the feed-forward network, two thirds of a layer's work, reads each by itself.</summary>
    public Tensor ForwardAt(Tensor input, AttentionInput positions, Tensor places, ForwardContext context)
    {
        Tensor attended = attention.Forward(aroundAttention.Enter(input), positions, false, context);
        return Finish(aroundAttention.Join(Rows.At(input, places), Rows.At(attended, places), context), context);
    }

    /// <param name="builder">Gives the weights.</param>
    /// <param name="name">The layer's name.</param>
    /// <param name="depth">The weights' depth.</param>
    /// <param name="spec">What the layer is made of.</param>
    /// <param name="lowest">Whether it reads the embeddings, which are normalized already.</param>
    public static EncoderLayer Make(WeightBuilder builder, string name, int depth, ModelSpec spec, bool lowest)
    {
        bool before = spec.Layer.Norms == NormPlacement.BeforeBranch;
        IAttention attention = MakeAttention(builder, name + ".attention", depth, spec);
        INorm? attentionNorm = before && lowest ? null : Norm(name + ".attention.norm");
        IFeedForward feedForward = MakeFeedForward(builder, name + ".feed_forward", depth, spec);
        INorm feedForwardNorm = Norm(name + ".feed_forward.norm");
        return new(attention, Around(attentionNorm, spec.Dropouts.AttentionOutput), feedForward, Around(feedForwardNorm, spec.Dropouts.Output));

        INorm Norm(string own) => LayerNorm.Make(builder, own, depth, spec.HiddenSize, spec.NormEpsilon, spec.Layer.NormBias);
        Residual Around(INorm? norm, double? dropout) => before ? new(norm, null, null, dropout ?? 0) : new(null, null, norm, dropout ?? 0);
    }

    private Tensor Finish(Tensor middle, ForwardContext context) => aroundFeedForward.Join(middle, feedForward.Forward(aroundFeedForward.Enter(middle), context), context);

    private static IAttention MakeAttention(WeightBuilder builder, string name, int depth, ModelSpec spec)
    {
        if (spec.Positions is DisentangledPlan plan) return DisentangledAttention.Make(builder, name, depth, plan, spec);
        (int hidden, bool bias) = (spec.HiddenSize, spec.Layer.AttentionBias);
        Linear projection = spec.Layer.FusedProjection
            ? Linear.Make(builder, name + ".projection", depth, hidden, 3 * hidden, bias)
            : Linear.MakeStacked(builder, name + ".projection", [name + ".query", name + ".key", name + ".value"], depth, hidden, hidden, bias);
        return new SelfAttention(projection, Linear.Make(builder, name + ".output", depth, hidden, hidden, bias), spec.HeadCount, spec.Dropouts.Attention ?? 0);
    }

    private static IFeedForward MakeFeedForward(WeightBuilder builder, string name, int depth, ModelSpec spec)
    {
        (int hidden, int inside, bool bias) = (spec.HiddenSize, spec.IntermediateSize, spec.Layer.FeedForwardBias);
        Linear inner = Linear.Make(builder, name + ".inner", depth, hidden, spec.Layer.IsGated ? 2L * inside : inside, bias);
        Linear outer = Linear.Make(builder, name + ".outer", depth, inside, hidden, bias);
        double dropout = spec.Dropouts.Inner ?? 0;
        return spec.Layer.IsGated ? new GatedFeedForward(inner, outer, spec.Activation, dropout) : new FeedForward(inner, outer, spec.Activation, dropout);
    }
}
