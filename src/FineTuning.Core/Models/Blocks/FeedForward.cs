using static TorchSharp.torch;

namespace FineTuning.Models;

/// <summary>Two linear layers with a function between them, token by token (Vaswani et al. 2017, equation 2).</summary>
internal sealed class FeedForward(Linear inner, Linear outer, Activation activation)
{
    /// <param name="input">[.., hidden]</param>
    /// <param name="context">The pass.</param>
    /// <returns>[.., hidden]</returns>
    public Tensor Forward(Tensor input, ForwardContext context) => outer.Forward(activation.Apply(inner.Forward(input, context)), context);

    public static FeedForward Make(WeightBuilder builder, string name, int depth, ModelSpec spec) => new(
        Linear.Make(builder, name + ".inner", depth, spec.HiddenSize, spec.IntermediateSize),
        Linear.Make(builder, name + ".outer", depth, spec.IntermediateSize, spec.HiddenSize),
        spec.Activation);
}
