using FineTuning.Models;
using static TorchSharp.torch;

namespace FineTuning.Training;

/// <summary>A copy of weights, to be put back: those of the best evaluation, or those before a run that is taken back.</summary>
/// <param name="weights">Those that may train until then; the others never change.</param>
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
        }
        else
        {
            using var scope = NewDisposeScope();
            using var gradients = no_grad();
            for (int i = 0; i < weights.Count; i++) _copies[i].copy_(weights[i].Value);
        }
        for (int i = 0; i < weights.Count; i++) TunedTensors.Set(_copies[i], weights[i].IsTuned);
    }

    /// <summary>Puts the copy back.</summary>
    public void Restore()
    {
        using var scope = NewDisposeScope();
        using var gradients = no_grad();
        for (int i = 0; i < weights.Count; i++)
        {
            weights[i].Value.copy_(_copies![i]);
            weights[i].IsTuned = TunedTensors.Contains(_copies[i]);
        }
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
        // The best of a run is measured after a step.
        foreach (Tensor copy in _copies ?? []) TunedTensors.Set(copy, isTuned: true);
    }

    public void Dispose()
    {
        foreach (Tensor copy in _copies ?? []) copy.Dispose();
    }
}
