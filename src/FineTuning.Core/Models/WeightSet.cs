using System.Collections;
using FineTuning.Errors;
using TorchSharp;
using static TorchSharp.torch;

namespace FineTuning.Models;

/// <summary>Weights in a fixed order; a set owns those that were added to it, and may show those of other sets before them.</summary>
/// <remarks>Not thread-safe while a run changes which weights train or weights are added;
/// reading is safe from any thread that has entered (<see cref="Enter"/>).</remarks>
public sealed class WeightSet : IReadOnlyList<Weight>, IDisposable
{
    private readonly WeightSet[] _shown;
    private readonly List<Weight> _own = [];
    private readonly Dictionary<string, Weight> _byName = new(StringComparer.Ordinal);
    private readonly List<QuantizedMatrix> _quantized = [];
    private readonly List<WeightSet> _joined = [];
    private readonly HashSet<Weight> _lent = [];
    private WeightSet[] _guests = [];
    private readonly bool _sharesGate;
    private int _headDepth = 1;
    private int _version;
    private Depths? _depths;
    private int _closed;
    private int _readers;

    /// <summary>A set that is empty, or shows the weights of other sets: what a head trains in addition to its own is its trunk's.</summary>
    /// <param name="shown">They stay their owner's, and are seen also where they are added later.</param>
    public WeightSet(params WeightSet[] shown)
    {
        NullMembers.RequireEntries(shown, nameof(shown));
        _shown = [.. shown];
        Gate = shown.Length > 0 ? shown[0].Gate : new WeightGate();
    }

    /// <summary>The weights of several heads on one trunk as one set: the trunk's once, and each head's own under its name.</summary>
    /// <param name="shared">The trunk's.</param>
    /// <param name="heads">By name; their tensors stay theirs.</param>
    internal static WeightSet Join(WeightSet shared, IEnumerable<(string Name, WeightSet Weights)> heads)
    {
        var joined = new WeightSet(shared);
        HashSet<nint> known = [.. shared.Select(weight => weight.Value.Handle)];
        foreach ((string name, WeightSet weights) in heads)
        {
            joined._joined.Add(weights);
            foreach (Weight weight in weights.Where(weight => known.Add(weight.Value.Handle)))
            {
                var view = new Weight($"{name}/{weight.Name}", weight.Value, weight.Kind, weight.Depth, weight.Parts);
                if (!weight.CanTrain) view.Freeze();
                joined._byName.Add(view.Name, view);
                joined._own.Add(view);
                joined._lent.Add(view);
            }
        }
        return joined;
    }

    /// <summary>
    /// What several tasks train of which none moves the trunk, as one set: the trunk's weights, which stay, and each task's own under its name.
    /// It shows no guest that comes or goes.
    /// </summary>
    /// <param name="trunk">The trunk's.</param>
    /// <param name="tasks">By name: the head's weights, and what an adapter trains instead of them; null: the task has none, and trains its head.</param>
    internal static WeightSet Apart(WeightSet trunk, IReadOnlyList<(string Name, WeightSet Weights, IReadOnlyList<Weight>? Adapter)> tasks)
    {
        var joined = new WeightSet(trunk.Gate) { HeadDepth = trunk.HeadDepth, Trunk = trunk.Trunk };
        var known = new HashSet<nint>();
        void View(string name, Weight weight, bool trains)
        {
            if (!known.Add(weight.Value.Handle)) return;
            var view = new Weight(name, weight.Value, weight.Kind, weight.Depth, weight.Parts);
            if (!trains || !weight.CanTrain) view.NeverTrain();
            joined._byName.Add(view.Name, view);
            joined._own.Add(view);
            joined._lent.Add(view);
        }
        foreach (Weight weight in trunk) View(weight.Name, weight, false);
        // Heads that train come first: an adapter of another task may sit on the same.
        foreach ((string name, WeightSet weights, IReadOnlyList<Weight>? adapter) in tasks.OrderBy(task => task.Adapter is not null))
        {
            joined._joined.Add(weights);
            foreach (Weight weight in adapter ?? []) View($"{name}/{weight.Name}", weight, true);
            string below = adapter is null ? name : $"{name}/base";
            foreach (Weight weight in weights) View($"{below}/{weight.Name}", weight, adapter is null);
        }
        return joined;
    }

    /// <summary>What stands for the same weights in every run: the set itself, or of one that was joined for a run the first that it was joined from.</summary>
    internal object Identity => _joined.Count > 0 ? _joined[0].Identity : this;

    /// <summary>Whether it was made by joining that set to others.</summary>
    internal bool IsJoinedFrom(WeightSet weights) => _joined.Contains(weights);

    // A guest of a set: what an adapter trains besides the model's own weights.
    internal WeightSet(WeightGate gate) => (_shown, Gate, _sharesGate) = ([], gate, true);

    /// <summary>How many weights there are.</summary>
    public int Count => _own.Count + _shown.Sum(set => set.Count) + _guests.Sum(set => set.Count);

    /// <summary>The depth of what lies above the layers: the number of layers plus one.</summary>
    public int HeadDepth
    {
        get => _shown.Length > 0 ? _shown.Max(set => set.HeadDepth) : _headDepth;
        internal set => _headDepth = value;
    }

    /// <summary>The weight at an index of the fixed order.</summary>
    /// <param name="index">From 0.</param>
    public Weight this[int index]
    {
        get
        {
            foreach (WeightSet set in _shown)
            {
                if (index < set.Count) return set[index];
                index -= set.Count;
            }
            if (index < _own.Count) return _own[index];
            index -= _own.Count;
            foreach (WeightSet set in _guests)
            {
                if (index < set.Count) return set[index];
                index -= set.Count;
            }
            throw new ArgumentOutOfRangeException(nameof(index), $"the set has {Count} weights");
        }
    }

    /// <summary>The parameters of a plain TorchSharp module, by their names in it: what your own task trains.</summary>
    /// <param name="module">Keeps using the same tensors; the set owns them from now on. Buffers (running means) are not weights:
    /// they are neither saved nor put back.</param>
    /// <param name="depth">0 for embeddings, 1 and up for layers, by a parameter's name. Null: all count as the head.</param>
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

    /// <summary>The trunk whose weights they are or show. Null: there is none.</summary>
    internal Trunk? Trunk
    {
        get => field ?? _shown.Select(set => set.Trunk).FirstOrDefault(trunk => trunk is not null);
        set;
    }

    /// <summary>Who may touch the tensors: one gate for a trunk and all heads on it.</summary>
    internal WeightGate Gate { get; }

    /// <summary>Whether the set was disposed.</summary>
    internal bool IsClosed => Volatile.Read(ref _closed) != 0;

    /// <summary>Asked by whoever will read or change the weights with more to check first. A run that ends because of the disposal is still inside.</summary>
    /// <exception cref="ObjectDisposedException">The weights are freed.</exception>
    internal void ThrowIfClosed()
    {
        if ((IsClosed || Gate.IsClosed) && !Gate.IsOwnRun) throw WeightGate.Disposed();
    }

    /// <summary>Whether somebody reads the set.</summary>
    internal bool HasReaders => Volatile.Read(ref _readers) != 0;

    /// <summary>Adds a weight; the set owns its tensor from now on.</summary>
    /// <param name="name">A name not yet in the set.</param>
    /// <param name="value">float32 (or float64): becomes a leaf that requires gradients. Of another type it is frozen for good.</param>
    /// <param name="kind">What it is.</param>
    /// <param name="depth">0 for embeddings, 1 to L for layers, L + 1 above them.</param>
    /// <exception cref="ObjectDisposedException">The set was disposed.</exception>
    public Weight Add(string name, Tensor value, WeightKind kind, int depth)
    {
        ArgumentNullException.ThrowIfNull(name);
        ArgumentNullException.ThrowIfNull(value);
        ThrowIfClosed();
        return Add(name, value, kind, depth, [new WeightPart("", name, 0, value.dim() == 0 ? 1 : value.shape[0])]);
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
    public Weight? Find(string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        if (_byName.TryGetValue(name, out Weight? own)) return own;
        foreach (WeightSet set in _shown.Concat(_guests))
        {
            if (set.Find(name) is { } found) return found;
        }
        return null;
    }

    /// <summary>How many numbers the weights hold.</summary>
    /// <param name="trainableOnly">Count only those that train.</param>
    /// <exception cref="ObjectDisposedException">The weights are freed.</exception>
    public long ParameterCount(bool trainableOnly = false)
    {
        ThrowIfClosed();
        return this.Where(weight => !trainableOnly || weight.IsTrainable).Sum(weight => weight.Value.numel())
            + (trainableOnly ? 0 : Quantized.Sum(matrix => matrix.Rows * matrix.Columns));
    }

    /// <inheritdoc/>
    public IEnumerator<Weight> GetEnumerator() => _shown.SelectMany(set => set).Concat(_own).Concat(_guests.SelectMany(set => set)).GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    /// <summary>
    /// Frees the tensors that the set owns. Predictions that read it are waited for, a run that trains it is
    /// cancelled and waited for, who comes later is refused.
    /// </summary>
    /// <exception cref="InvalidOperationException">It is called from inside a prediction, or from a handler of the run.</exception>
    public void Dispose()
    {
        Gate.RequireOutside();
        if (Interlocked.Exchange(ref _closed, 1) != 0) return;
        if (_shown.Length == 0 && !_sharesGate) Gate.Close();
        else Gate.Drain(this);
        Free();
    }

    /// <summary>Matrices in few bits a number, which are no weights: nothing trains or writes them.</summary>
    internal IEnumerable<QuantizedMatrix> Quantized => _shown.SelectMany(set => set.Quantized).Concat(_quantized);

    /// <summary>Owns such a matrix from now on.</summary>
    internal void Keep(QuantizedMatrix matrix) => _quantized.Add(matrix);

    /// <summary>Whether the set, or one that it shows, has a guest.</summary>
    internal bool HasGuests => _guests.Length > 0 || Array.Exists(_shown, set => set.HasGuests);

    /// <summary>The weights that the set owns, in their order.</summary>
    internal IEnumerable<Weight> Own => _own;

    /// <summary>The weights of guests of the set itself.</summary>
    internal IEnumerable<Weight> Guests => _guests.SelectMany(set => set);

    /// <summary>Shows the weights of a guest behind its own, to all sets that show this one too. Nobody reads meanwhile.</summary>
    internal void Show(WeightSet guest) => (_guests, _version) = ([.. _guests, guest], _version + 1);

    /// <summary>Shows a guest no longer. Nobody reads meanwhile.</summary>
    internal void Hide(WeightSet guest) => (_guests, _version) = ([.. _guests.Where(set => set != guest)], _version + 1);

    /// <summary>
    /// Frees what the set owns, once nothing reads or trains it: a guest's tensors, which no set shows any more, or what a joined set has besides its heads'.
    /// </summary>
    internal void Free()
    {
        foreach (Weight weight in _own.Where(weight => !_lent.Contains(weight))) weight.Own.Dispose();
        foreach (QuantizedMatrix matrix in _quantized) matrix.Dispose();
    }

    /// <summary>Changes what the sets behind the gate compute with, while nobody reads; readers wait.</summary>
    /// <exception cref="InvalidOperationException">A run trains the weights, or the caller is inside a prediction.</exception>
    /// <exception cref="ObjectDisposedException">The weights are freed.</exception>
    internal void Exclusively(Action change)
    {
        Gate.RequireOutside();
        using RunPass pass = RunPass.Register(this);
        pass.Wait();
        using var gradients = no_grad();
        change();
    }

    /// <summary>Computes while nobody else does: inside the calling thread's own run, or as a change of its own.</summary>
    internal void Alone(Action compute)
    {
        if (Gate.IsOwnRun) compute();
        else Exclusively(compute);
    }

    internal void AddReader() => Interlocked.Increment(ref _readers);

    internal void RemoveReader() => Interlocked.Decrement(ref _readers);

    /// <param name="name">A name not yet in the set.</param>
    /// <param name="value">The tensor.</param>
    /// <param name="kind">What it is.</param>
    /// <param name="depth">0 for embeddings, 1 to L for layers, L + 1 above them.</param>
    /// <param name="parts">The checkpoint's tensors in it.</param>
    internal Weight Add(string name, Tensor value, WeightKind kind, int depth, IReadOnlyList<WeightPart> parts)
    {
        if (Find(name) is not null) throw new ArgumentException($"a weight named '{name}' is already in the set", nameof(name));
        value.DetachFromDisposeScope();
        var weight = new Weight(name, value, kind, depth, parts) { IsTrainable = true };
        _byName.Add(name, weight);
        _own.Add(weight);
        return weight;
    }

    /// <summary>Takes a weight out and frees it.</summary>
    internal void Remove(Weight weight)
    {
        if (!_own.Remove(weight)) throw new ArgumentException($"the set does not own '{weight.Name}'", nameof(weight));
        _byName.Remove(weight.Name);
        _version++;
        weight.Own.Dispose();
    }

    /// <summary>Whether there are weights at a depth and none of them trains: such a part drops nothing.</summary>
    internal bool IsFrozen(int depth)
    {
        (int, int) count = (Count, _version + _shown.Sum(set => set._version));
        Depths? known = _depths;
        if (known is null || known.Count != count)
            _depths = known = new(count, this.GroupBy(weight => weight.Depth).ToDictionary(group => group.Key, group => group.ToArray()));
        return known.ByDepth.TryGetValue(depth, out Weight[]? weights) && !Array.Exists(weights, weight => weight.IsTrainable);
    }

    // A vector that is no bias is a gain: neither decays by default.
    private static WeightKind KindOf(string name, Tensor value)
    {
        if (value.dim() >= 2) return name.Contains("embed", StringComparison.OrdinalIgnoreCase) ? WeightKind.Embedding : WeightKind.Matrix;
        return name.EndsWith("bias", StringComparison.Ordinal) && !name.Contains("norm", StringComparison.OrdinalIgnoreCase)
            ? WeightKind.Bias : WeightKind.Norm;
    }

    // Weights by depth; made again where some were added.
    private sealed record Depths((int Weights, int Version) Count, Dictionary<int, Weight[]> ByDepth);
}
