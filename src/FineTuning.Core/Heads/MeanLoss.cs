using FineTuning.Tensors;
using static TorchSharp.torch;

namespace FineTuning.Heads;

/// <summary>The loss of an evaluation: sums over batches, divided once by the count of their targets.</summary>
internal sealed class MeanLoss
{
    private double _sum;

    /// <summary>How many targets there were.</summary>
    public double Count { get; private set; }

    /// <summary>The mean; NaN where there was no target.</summary>
    public double Value => _sum / Count;

    /// <param name="sum">The sum of a batch's losses, a scalar.</param>
    /// <param name="count">How many targets it is the sum over.</param>
    public void Add(Tensor sum, double count) => Add(sum.Number(), count);

    /// <param name="sum">The sum of a batch's losses.</param>
    /// <param name="count">How many targets it is the sum over.</param>
    public void Add(double sum, double count)
    {
        _sum += sum;
        Count += count;
    }
}
