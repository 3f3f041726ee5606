using static TorchSharp.torch;

namespace FineTuning.Models;

/// <summary>A network over each token by itself.</summary>
internal interface IFeedForward
{
    /// <param name="input">[.., hidden]</param>
    /// <param name="context">The pass.</param>
    /// <returns>[.., hidden]</returns>
    Tensor Forward(Tensor input, ForwardContext context);
}

/// <summary>Two linear layers with a function between them (Vaswani et al. 2017, equation 2).</summary>
internal sealed class FeedForward(Linear inner, Linear outer, Activation activation, double dropout = 0) : IFeedForward
{
    public Tensor Forward(Tensor input, ForwardContext context) =>
        outer.Forward(context.Dropout(activation.Apply(inner.Forward(input, context)), dropout), context);
}

/// <summary>Two linear layers and a third that gates the inner one channel by channel (Shazeer 2020, equation 6).</summary>
/// <param name="inner">Both inner layers in one product: first the rows that go through the function, then the other factor's.</param>
/// <param name="outer">Back to the hidden size.</param>
/// <param name="activation">Of the first half.</param>
/// <param name="dropout">Of the product of the halves.</param>
internal sealed class GatedFeedForward(Linear inner, Linear outer, Activation activation, double dropout = 0) : IFeedForward
{
    public Tensor Forward(Tensor input, ForwardContext context)
    {
        Tensor[] halves = inner.Forward(input, context).chunk(2, -1);
        return outer.Forward(context.Dropout(activation.Apply(halves[0]) * halves[1], dropout), context);
    }
}
