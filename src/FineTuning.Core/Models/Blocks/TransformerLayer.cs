using FineTuning.Tensors;
using static TorchSharp.torch;

namespace FineTuning.Models;

/// <summary>One layer of a stack.</summary>
internal interface ILayer
{
    /// <param name="input">[batch, tokens, hidden]</param>
    /// <param name="positions">Masks and positions.</param>
    /// <param name="wanted">The tokens whose output is needed. Null: all.</param>
    /// <param name="context">The layer's pass.</param>
    /// <returns>[batch, tokens, hidden], or what <paramref name="wanted"/> chooses of it</returns>
    Tensor Forward(Tensor input, AttentionInput positions, Wanted? wanted, ForwardContext context);
}

/// <summary>
/// Attention, attention to a memory where there is one, and a feed-forward network, each a branch that joins the stream again (Vaswani et al.
/// 2017, section 3.1).
/// </summary>
internal sealed class TransformerLayer(
    IAttention attention, Residual aroundAttention, CrossAttention? cross, Residual? aroundCross, FeedForward feedForward,
    Residual aroundFeedForward, bool isParallel) : ILayer
{
    public Tensor Forward(Tensor input, AttentionInput positions, Wanted? wanted, ForwardContext context)
    {
        bool oneToken = wanted is { IsOneToken: true };
        Tensor attended = attention.Forward(aroundAttention.Enter(input, context), positions, oneToken ? wanted : null, context), stream = input;
        if (wanted is not null)
        {
            // Attention has chosen already where it needs one query a row; indices are chosen after it, and after the memory was read.
            if (oneToken) stream = wanted.Of(input);
            else if (cross is null) (stream, attended) = (wanted.Of(input), wanted.Of(attended));
        }
        Tensor middle = aroundAttention.Join(stream, attended, context);
        if (cross is not null)
        {
            middle = aroundCross!.Join(middle, cross.Forward(aroundCross.Enter(middle, context), positions, context), context);
            if (wanted is not null && !oneToken) (middle, stream) = (wanted.Of(middle), wanted.Of(stream));
        }
        Tensor entered = aroundFeedForward.Enter(isParallel ? stream : middle, context);
        return aroundFeedForward.Join(middle, feedForward.Forward(entered, context), context);
    }

    /// <param name="builder">Gives the weights.</param>
    /// <param name="plan">What the layer is made of.</param>
    /// <param name="name">The layer's name.</param>
    /// <param name="depth">The weights' depth.</param>
    /// <param name="width">The hidden size.</param>
    public static ILayer Make(WeightBuilder builder, LayerPlan plan, string name, int depth, int width)
    {
        string own = name + ".attention", memory = name + ".cross", network = name + ".feed_forward";
        IAttention attention = plan.Attention.Disentangled is null
            ? SelfAttention.Make(builder, plan.Attention, own, depth, width)
            : DisentangledAttention.Make(builder, plan.Attention, own, depth, width);
        Residual aroundAttention = Residual.Make(builder, plan.AroundAttention, own, depth, width, DropoutSite.AttentionOutput);
        CrossAttention? cross = plan.Cross is null ? null : CrossAttention.Make(builder, plan.Cross, memory, depth, width);
        Residual? aroundCross = plan.Cross is null ? null : Residual.Make(builder, plan.AroundCross, memory, depth, width, DropoutSite.CrossOutput);
        FeedForward feedForward = FeedForward.Make(builder, plan.FeedForward, network, depth, width);
        Residual aroundFeedForward = Residual.Make(builder, plan.AroundFeedForward, network, depth, width, DropoutSite.Output);
        var layer = new TransformerLayer(attention, aroundAttention, cross, aroundCross, feedForward, aroundFeedForward, plan.IsParallel);
        return plan.Convolution is null ? layer : ConvolutionLayer.Make(builder, layer, plan.Convolution, depth, width);
    }
}
