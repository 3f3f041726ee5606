using System.Collections;
using static TorchSharp.torch;

namespace FineTuning.Models;

/// <summary>All weights of a model in a fixed order, and their owner.</summary>
/// <remarks>Reading is safe from any thread that has entered (<see cref="Enter"/>). Whoever owns the trunk disposes it, once, also where several heads share it.</remarks>
public sealed class WeightSet : IReadOnlyList<Weight>, IDisposable
{
    private readonly List<Weight> _weights = [];
    private readonly Dictionary<string, Weight> _byName = new(StringComparer.Ordinal);

    /// <summary>An empty set.</summary>
    public WeightSet()
        : this(new WeightGate())
    {
    }

    /// <param name="gate">That of the trunk whose tensors the set shares.</param>
    internal WeightSet(WeightGate gate) => Gate = gate;

    /// <summary>The parameters of a plain TorchSharp module, by their names in it: what a task of one's own trains.</summary>
    /// <param name="module">Keeps using the same tensors; the set owns them from now on. Buffers (running means) are not weights: they are neither saved nor put back.</param>
    /// <param name="depth">0 for embeddings, 1 and up for layers, by a parameter's name; null: all count as the head.</param>
    /// <exception cref="ArgumentException">The module has no parameters, or one that is not float32.</exception>
    public static WeightSet Of(nn.Module module, Func<string, int>? depth = null)
    {
        ArgumentNullException.ThrowIfNull(module);
        var set = new WeightSet();
        var seen = new HashSet<IntPtr>();
        foreach ((string name, TorchSharp.Modules.Parameter value) in module.named_parameters())
        {
            if (!seen.Add(value.Handle)) continue; // A tied parameter is one weight.
            if (value.dtype != ScalarType.Float32) throw new ArgumentException($"the parameter '{name}' is {value.dtype}; weights are float32", nameof(module));
            set.Add(name, value, KindOf(name, value), depth?.Invoke(name) ?? 1);
        }
        if (set.Count == 0) throw new ArgumentException("the module has no parameters: there is nothing to train", nameof(module));
        set.HeadDepth = set.Max(weight => weight.Depth);
        return set;
    }

    /// <summary>Who may touch the tensors: one gate for a trunk and all heads on it.</summary>
    internal WeightGate Gate { get; }

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

    /// <summary>
    /// Enters as a reader, which every prediction does: while anybody reads, nothing is freed and no run writes. Reading inside reading costs nothing.
    /// </summary>
    /// <returns>Dispose it on the same thread, as soon as the tensors are read.</returns>
    /// <exception cref="InvalidOperationException">A run trains the weights on another thread.</exception>
    /// <exception cref="ObjectDisposedException">The weights are freed.</exception>
    public WeightPass Enter() => Gate.Enter(this);

    /// <summary>The weight of that name, or null.</summary>
    /// <param name="name">This library's name of the weight.</param>
    public Weight? Find(string name) => _byName.GetValueOrDefault(name);

    /// <summary>How many numbers the weights hold.</summary>
    /// <param name="trainableOnly">Count only those that train.</param>
    public long ParameterCount(bool trainableOnly = false) => _weights.Where(weight => !trainableOnly || weight.IsTrainable).Sum(weight => weight.Value.numel());

    /// <inheritdoc/>
    public IEnumerator<Weight> GetEnumerator() => _weights.GetEnumerator();

    // A vector that is no bias is a gain: neither decays by default.
    private static WeightKind KindOf(string name, Tensor value)
    {
        if (value.dim() >= 2) return name.Contains("embed", StringComparison.OrdinalIgnoreCase) ? WeightKind.Embedding : WeightKind.Matrix;
        return name.EndsWith("bias", StringComparison.Ordinal) && !name.Contains("norm", StringComparison.OrdinalIgnoreCase) ? WeightKind.Bias : WeightKind.Norm;
    }

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    /// <summary>Frees the tensors. Predictions inside are waited for, a run is cancelled and waited for, who comes later is refused.</summary>
    /// <exception cref="InvalidOperationException">It is called from inside a prediction, or from a handler of the run.</exception>
    public void Dispose()
    {
        if (!Gate.Close()) return;
        foreach (Weight weight in _weights) weight.Value.Dispose();
    }
}
