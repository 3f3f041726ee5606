using FineTuning.Models;
using FineTuning.Training;
using static FineTuning.Tensors.Scalars;
using static TorchSharp.torch;

namespace FineTuning.Strategies;

/// <summary>The straight line of weights from where a run began to where it ended: w0 + a (w1 - w0) (WiSE-FT, Wortsman et al. 2022, equation 2).</summary>
/// <remarks>It holds two copies of the weights. The ends are exact to the bit.</remarks>
internal sealed class WeightLine : IDisposable
{
    private readonly IReadOnlyList<Weight> _weights;
    private readonly Tensor[] _start;
    private Tensor[] _end = [];

    /// <summary>Keeps the weights as they are as the beginning.</summary>
    public WeightLine(IReadOnlyList<Weight> weights) => (_weights, _start) = (weights, WeightCopies.Of(weights));

    /// <summary>Keeps the weights as they are as the end.</summary>
    public void End() => _end = WeightCopies.Of(_weights);

    /// <summary>Puts the weights at a share of the way, from 0 to 1.</summary>
    public void MoveTo(double share)
    {
        using var scope = NewDisposeScope();
        using var none = no_grad();
        for (int i = 0; i < _weights.Count; i++)
        {
            Tensor value = _weights[i].Value;
            value.copy_(share >= 1 ? _end[i] : _start[i]);
            // What did not move stays to the bit.
            if (share is > 0 and < 1) value.add_(_end[i].add(_start[i], Held(-1)), Held(share));
        }
    }

    public void Dispose()
    {
        foreach (Tensor copy in _start.Concat(_end)) copy.Dispose();
    }
}
