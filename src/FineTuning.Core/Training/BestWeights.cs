using FineTuning.Models;
using static TorchSharp.torch;

namespace FineTuning.Training;

/// <summary>A copy of the weights at the best evaluation.</summary>
/// <param name="weights">Those that train at some time of the run; the others never change.</param>
internal sealed class BestWeights(IReadOnlyList<Weight> weights) : IDisposable
{
    private Tensor[]? _copies;

    /// <summary>Whether there is a copy.</summary>
    public bool Any => _copies is not null;

    /// <summary>Copies the weights as they are.</summary>
    public void Keep()
    {
        using var gradients = no_grad();
        if (_copies is null)
        {
            _copies = [.. weights.Select(weight => weight.Value.detach().clone().DetachFromDisposeScope())];
            return;
        }
        for (int i = 0; i < weights.Count; i++) _copies[i].copy_(weights[i].Value);
    }

    /// <summary>Puts the copy back.</summary>
    public void Restore()
    {
        using var gradients = no_grad();
        for (int i = 0; i < weights.Count; i++) weights[i].Value.copy_(_copies![i]);
    }

    public void Dispose()
    {
        foreach (Tensor copy in _copies ?? []) copy.Dispose();
    }
}
