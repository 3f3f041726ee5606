using FineTuning.Models;
using static TorchSharp.torch;

namespace FineTuning.Training;

/// <summary>A copy of the weights at the best evaluation.</summary>
/// <param name="weights">Those that train at some time of the run; the others never change.</param>
internal sealed class BestWeights(IReadOnlyList<Weight> weights) : IDisposable
{
    private const string Path = "best/";
    private Tensor[]? _copies;

    /// <summary>Whether there is a copy.</summary>
    public bool Any => _copies is not null;

    /// <summary>Copies the weights as they are.</summary>
    public void Keep()
    {
        if (_copies is null)
        {
            _copies = WeightCopies.Of(weights);
            return;
        }
        using var scope = NewDisposeScope();
        using var gradients = no_grad();
        for (int i = 0; i < weights.Count; i++) _copies[i].copy_(weights[i].Value);
    }

    /// <summary>Puts the copy back.</summary>
    public void Restore()
    {
        using var scope = NewDisposeScope();
        using var gradients = no_grad();
        for (int i = 0; i < weights.Count; i++) weights[i].Value.copy_(_copies![i]);
    }

    public void Export(StateWriter state)
    {
        if (_copies is null) return;
        for (int i = 0; i < weights.Count; i++) state.Add(Path + weights[i].Name, _copies[i]);
    }

    public void Import(StateReader state)
    {
        Dispose();
        _copies = state.Below(Path).Count > 0 ? state.Copies(Path, weights) : null;
    }

    public void Dispose()
    {
        foreach (Tensor copy in _copies ?? []) copy.Dispose();
    }
}
