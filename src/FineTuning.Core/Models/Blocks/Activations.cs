using FineTuning.Tensors;
using TorchSharp;
using static TorchSharp.torch;

namespace FineTuning.Models;

/// <summary>The functions between layers.</summary>
internal static class Activations
{
    /// <returns>The shape of the input.</returns>
    public static Tensor Apply(this Activation activation, Tensor input) => activation switch
    {
        Activation.Gelu => nn.functional.gelu(input),
        Activation.GeluTanh => Kernels.GeluTanh(input),
        Activation.Relu => input.relu(),
        Activation.Silu => nn.functional.silu(input),
        _ => input.tanh(),
    };
}
