using FineTuning.Models;
using static TorchSharp.torch;

namespace FineTuning.Training;

/// <summary>Copies of some weights that a feature keeps over a run, by the weights' names.</summary>
/// <param name="path">Below which name they stand in a run's state.</param>
internal sealed class WeightCopies(string path) : IDisposable
{
    private IReadOnlyList<Weight> _weights = [];
    private Tensor[] _copies = [];

    public Tensor this[int index] => _copies[index];

    /// <summary>Copies the weights as they are, unless a state was imported.</summary>
    public void Keep(IReadOnlyList<Weight> weights)
    {
        if (_copies.Length == 0) (_weights, _copies) = (weights, Of(weights));
    }

    /// <summary>Copies of the weights as they are, outside of any scope: the caller's.</summary>
    public static Tensor[] Of(IReadOnlyList<Weight> weights)
    {
        using var scope = NewDisposeScope();
        using var none = no_grad();
        // They leave the scope together: where memory ends half-way, nothing is left behind.
        Tensor[] copies = [.. weights.Select(weight => weight.Value.detach().clone())];
        foreach (Tensor copy in copies) copy.DetachFromDisposeScope();
        return copies;
    }

    /// <summary>Puts the copies back, to the bit, and forgets them.</summary>
    public void Restore()
    {
        using var scope = NewDisposeScope();
        using var none = no_grad();
        for (int i = 0; i < _copies.Length; i++) _weights[i].Value.copy_(_copies[i]);
        Dispose();
    }

    public void Export(StateWriter state)
    {
        for (int i = 0; i < _copies.Length; i++) state.Add(path + _weights[i].Name, _copies[i]);
    }

    public void Import(IReadOnlyList<Weight> weights, StateReader state) => (_weights, _copies) = (weights, state.Copies(path, weights));

    public void Dispose()
    {
        foreach (Tensor copy in _copies) copy.Dispose();
        _copies = [];
    }
}
