using FineTuning.Tensors;
using TorchSharp;
using static FineTuning.Tensors.Scalars;
using static TorchSharp.torch;

namespace FineTuning.Tests.Adapters;

/// <summary>AdamW (Loshchilov and Hutter 2019, algorithm 2), written out.</summary>
internal sealed class PlainAdamW(Tensor[] weights, double rate, double decay)
{
    private readonly Tensor[] _first = [.. weights.Select(weight => zeros_like(weight).DetachFromDisposeScope())];
    private readonly Tensor[] _second = [.. weights.Select(weight => zeros_like(weight).DetachFromDisposeScope())];
    private int _steps;

    public void Step()
    {
        using var gradients = no_grad();
        _steps++;
        for (int i = 0; i < weights.Length; i++)
        {
            if (weights[i].grad is not { } gradient) continue;
            weights[i].mul_(Held(1 - (rate * decay)));
            _first[i].mul_(Held(0.9)).add_(gradient, Held(0.1));
            _second[i].mul_(Held(0.999)).addcmul_(gradient, gradient, Held(0.001));
            Tensor root = (_second[i] / Held(1 - Math.Pow(0.999, _steps))).sqrt().Plus(1e-8);
            weights[i].addcdiv_(_first[i], root, Held(-rate / (1 - Math.Pow(0.9, _steps))));
            weights[i].grad = null;
        }
    }
}
