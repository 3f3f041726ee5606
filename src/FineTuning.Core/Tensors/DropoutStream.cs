using TorchSharp;
using static TorchSharp.torch;

namespace FineTuning.Tensors;

/// <summary>The dropout of one micro-step: each site's mask is a pure function of (seed, step, micro-step, site).</summary>
internal sealed class DropoutStream(long seed, long step, int microStep)
{
    private int _site;

    public Tensor Apply(Tensor input, double probability)
    {
        if (probability <= 0) return input;
        _site++;
        using var generator = new Generator((ulong)HashCode.Combine(seed, step, microStep, _site));
        Tensor mask = rand(input.shape, generator: generator);
        return input * (mask >= probability).to(input.dtype) / (1 - probability);
    }
}
