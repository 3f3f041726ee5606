using System.Collections;
using static TorchSharp.torch;

namespace FineTuning.Models;

/// <summary>All weights of a model in a fixed order, and their owner.</summary>
/// <remarks>Not thread-safe while a run changes which weights train; reading is safe from any thread otherwise. Disposing frees the tensors.</remarks>
public sealed class WeightSet : IReadOnlyList<Weight>, IDisposable
{
    private readonly List<Weight> _weights = [];
    private readonly Dictionary<string, Weight> _byName = new(StringComparer.Ordinal);

    /// <summary>How many weights there are.</summary>
    public int Count => _weights.Count;

    /// <summary>The depth of what stands above the layers: the number of layers plus one.</summary>
    public int HeadDepth { get; internal set; } = 1;

    /// <summary>The weight at a place in the fixed order.</summary>
    /// <param name="index">The place, from 0.</param>
    public Weight this[int index] => _weights[index];

    /// <summary>Adds a weight; the set owns its tensor from now on.</summary>
    /// <param name="name">A name not yet in the set.</param>
    /// <param name="value">Float32; becomes a leaf that requires gradients.</param>
    /// <param name="kind">What it is.</param>
    /// <param name="depth">0 for embeddings, 1 to L for layers, L + 1 above them.</param>
    /// <param name="parts">The checkpoint's tensors in it; null: one of the same name.</param>
    public Weight Add(string name, Tensor value, WeightKind kind, int depth, IReadOnlyList<WeightPart>? parts = null)
    {
        ArgumentNullException.ThrowIfNull(value);
        value.DetachFromDisposeScope();
        value.requires_grad_(true);
        var weight = new Weight(name, value, kind, depth, parts ?? [new WeightPart(name, 0, value.dim() == 0 ? 1 : value.shape[0])]);
        if (!_byName.TryAdd(name, weight)) throw new ArgumentException($"a weight named '{name}' is already in the set", nameof(name));
        _weights.Add(weight);
        return weight;
    }

    /// <summary>The weight of that name, or null.</summary>
    /// <param name="name">This library's name of the weight.</param>
    public Weight? Find(string name) => _byName.GetValueOrDefault(name);

    /// <summary>How many numbers the weights hold.</summary>
    /// <param name="trainableOnly">Count only those that train.</param>
    public long ParameterCount(bool trainableOnly = false) => _weights.Where(weight => !trainableOnly || weight.IsTrainable).Sum(weight => weight.Value.numel());

    /// <inheritdoc/>
    public IEnumerator<Weight> GetEnumerator() => _weights.GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (Weight weight in _weights) weight.Value.Dispose();
    }
}
