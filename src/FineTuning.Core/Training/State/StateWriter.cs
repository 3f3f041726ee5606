using FineTuning.Models;
using static TorchSharp.torch;

namespace FineTuning.Training;

/// <summary>Collects tensors and numbers by name; each part of a run writes below a name of its own.</summary>
internal sealed class StateWriter
{
    private readonly Dictionary<string, Tensor> _tensors = new(StringComparer.Ordinal);
    private readonly Dictionary<string, double> _numbers = new(StringComparer.Ordinal);

    public IReadOnlyDictionary<string, Tensor> Tensors => _tensors;

    public IReadOnlyDictionary<string, double> Numbers => _numbers;

    /// <summary>Keeps a copy of a tensor on the CPU.</summary>
    public void Add(string name, Tensor value)
    {
        using var scope = NewDisposeScope();
        using var gradients = no_grad();
        _tensors.Add(name, value.detach().cpu().clone().DetachFromDisposeScope());
    }

    /// <summary>Keeps a number.</summary>
    public void Add(string name, double value) => _numbers.Add(name, value);

    /// <summary>Frees what was collected: the export failed.</summary>
    public void Discard()
    {
        foreach (Tensor tensor in _tensors.Values) tensor.Dispose();
    }
}

/// <summary>Gives tensors and numbers back by name, and lists what was not read.</summary>
internal sealed class StateReader(RunState state)
{
    private readonly HashSet<string> _read = new(StringComparer.Ordinal);
    private readonly List<string> _faults = [];

    /// <summary>All that did not fit.</summary>
    public List<string> Faults => _faults;

    /// <summary>Names that were not read.</summary>
    public IEnumerable<string> Unread => state.Tensors.Keys.Concat(state.Numbers.Keys).Where(name => !_read.Contains(name)).Order(StringComparer.Ordinal);

    /// <summary>The names below a path that ends with a slash, without it.</summary>
    public IReadOnlyList<string> Below(string path) =>
        [.. state.Tensors.Keys.Concat(state.Numbers.Keys).Where(name => name.StartsWith(path, StringComparison.Ordinal)).Select(name => name[path.Length..])];

    /// <summary>The tensor, or null where there is none; the state keeps owning it.</summary>
    public Tensor? Find(string name)
    {
        if (!state.Tensors.TryGetValue(name, out Tensor? found)) return null;
        _read.Add(name);
        return found;
    }

    /// <summary>The number, or null where there is none.</summary>
    public double? Number(string name)
    {
        if (!state.Numbers.TryGetValue(name, out double found)) return null;
        _read.Add(name);
        return found;
    }

    /// <summary>Copies a tensor into another; notes where it is missing or has another shape.</summary>
    public void CopyTo(string name, Tensor target)
    {
        using var scope = NewDisposeScope();
        using var gradients = no_grad();
        Tensor? found = Find(name);
        if (found is null) _faults.Add($"'{name}' is missing");
        else if (!found.shape.SequenceEqual(target.shape))
            _faults.Add($"'{name}' has the shape [{string.Join(", ", found.shape)}]; [{string.Join(", ", target.shape)}] was expected");
        else target.copy_(found);
    }

    /// <summary>Copies of the tensors of weights below a path, as a run keeps them; notes what is missing.</summary>
    public Tensor[] Copies(string path, IReadOnlyList<Weight> weights)
    {
        var copies = new Tensor[weights.Count];
        using var gradients = no_grad();
        for (int i = 0; i < copies.Length; i++)
        {
            copies[i] = empty_like(weights[i].Value, requires_grad: false).DetachFromDisposeScope();
            CopyTo(path + weights[i].Name, copies[i]);
        }
        return copies;
    }
}
