using FineTuning.Errors;
using FineTuning.Tensors;
using TorchSharp;
using static FineTuning.Tensors.Scalars;
using static TorchSharp.torch;

namespace FineTuning.Models;

/// <summary>
/// A checkpoint's tensors under the family's names, read one by one; what is missing, of another shape or left over is gathered and reported together.
/// </summary>
/// <remarks>Without a source everything is drawn at random.</remarks>
internal sealed class CheckpointReader : IDisposable
{
    private readonly ITensorSource? _source;
    private readonly string _folder;
    private readonly WeightBudget _budget;
    private readonly Generator _generator;
    private readonly Dictionary<string, string> _stored = new(StringComparer.Ordinal);
    private readonly List<string> _mapped = [];
    private readonly List<string> _fresh = [];
    private readonly List<string> _faults = [];

    /// <param name="source">The tensors. Null: there are none. The caller's.</param>
    /// <param name="names">The family's names.</param>
    /// <param name="folder">What messages call the checkpoint.</param>
    /// <param name="options">Seed, type, device.</param>
    public CheckpointReader(ITensorSource? source, NameTable names, string folder, ModelLoadOptions options)
    {
        (_source, Names, _folder, Options, Device) = (source, names, folder, options, DeviceChoice.Resolve(options.Device));
        _budget = new(source, folder);
        _generator = new Generator((ulong)options.Seed);
        foreach (string name in source?.Tensors.Keys ?? [])
        {
            string spelled = names.Normalize(name);
            HoldsQuantized |= name.Contains(".quant_state.", StringComparison.Ordinal) || name.EndsWith(".SCB", StringComparison.Ordinal);
            if (!_stored.TryAdd(spelled, name)) _faults.Add($"'{name}' and '{_stored[spelled]}' are both in the file and mean the same tensor");
        }
    }

    public NameTable Names { get; }

    public ModelLoadOptions Options { get; }

    public Device Device { get; }

    /// <summary>Whether a tensor of that name, in the family's spelling, is there.</summary>
    public bool Holds(string name) => _stored.ContainsKey(name);

    /// <summary>Whether a tensor is there that has the shape of a weight, but other values.</summary>
    public bool HoldsOther(string name, Weight weight)
    {
        if (_source is null || !_stored.TryGetValue(name, out string? stored) || !_source.Tensors[stored].Shape.SequenceEqual(weight.Value.shape)) return false;
        using var scope = NewDisposeScope();
        using var gradients = no_grad();
        return _source.Read(stored).to(weight.Value.dtype, Device).ne(weight.Value).any().item<bool>();
    }

    /// <summary>Whether the checkpoint stores any matrix in few bits.</summary>
    public bool HoldsQuantized { get; }

    /// <summary>Whether the checkpoint stores a matrix in few bits.</summary>
    public bool IsQuantized(string name) => HoldsQuantized && Quantization(name).Exists;

    /// <summary>A matrix that the checkpoint stores in few bits.</summary>
    /// <param name="name">In the family's spelling.</param>
    /// <param name="rows">The rows that it must have.</param>
    /// <param name="columns">The columns that it must have.</param>
    /// <param name="layout">How the checkpoint stores it.</param>
    /// <exception cref="CheckpointException">It is damaged, of another shape, or stored otherwise than row by row.</exception>
    public QuantizedRows ReadQuantized(string name, long rows, long columns, TensorLayout layout)
    {
        if (layout != TensorLayout.Plain)
            throw new CheckpointException(_folder, $"'{name}' is stored in few bits and not row by row, which is not supported for this family; " +
                "load a checkpoint of floating point with the same Quantization: it is quantised while it is read");
        _budget.Ask(name, [rows, Math.Max(1, columns / 4)]);
        return Quantization(name).Read(rows, columns, Device);
    }

    /// <summary>A tensor's values in the file's order, in any type.</summary>
    /// <param name="name">In the family's spelling.</param>
    /// <param name="shape">The shape it must have in the file.</param>
    /// <param name="isFresh">Whether it is drawn, whatever the checkpoint holds.</param>
    /// <param name="advice">What an error adds.</param>
    /// <param name="type">In which type what is stored is wanted.</param>
    /// <param name="draw">Draws it.</param>
    public Tensor Read(string name, long[] shape, bool isFresh, string advice, ScalarType type, Func<Generator, Tensor> draw)
    {
        _budget.Ask(name, shape);
        if (_source is null) return draw(_generator);
        if (isFresh)
        {
            _fresh.Add(name);
            return _faults.Count > 0 ? StandIn(shape) : draw(_generator);
        }
        if (!_stored.TryGetValue(name, out string? stored))
        {
            _faults.Add($"'{name}' of shape [{string.Join(", ", shape)}] is missing");
            return StandIn(shape);
        }
        if (shape.Length == 2 && IsQuantized(name))
        {
            using QuantizedRows quantized = Quantization(name).Read(shape[0], shape[1], CPU);
            return quantized.Values(0, shape[0]);
        }
        IReadOnlyList<long> found = _source.Tensors[stored].Shape;
        if (!found.SequenceEqual(shape))
        {
            _faults.Add($"'{stored}' has the shape [{string.Join(", ", found)}]; [{string.Join(", ", shape)}] was expected{advice}");
            return StandIn(shape);
        }
        _mapped.Add(stored);
        return _source.ReadWeight(stored, type);
    }

    /// <exception cref="CheckpointException">Tensors are missing or have another shape; all are listed.</exception>
    public LoadReport Finish()
    {
        if (_faults.Count > 0) throw Faulty();
        string[] ignored = [.. _stored.Values.Except(_mapped, StringComparer.Ordinal).Order(StringComparer.Ordinal)];
        return new([.. _mapped], [.. _fresh], ignored);
    }

    public void Dispose() => _generator.Dispose();

    private StoredQuantization Quantization(string name) => new(name, own => _stored.TryGetValue(own, out string? stored) ? _source!.Tensors[stored]
        : null, own =>
    {
        _mapped.Add(_stored[own]);
        return _source!.Read(_stored[own]);
    }, _folder);

    // Where sizes do not fit the file, memory is not taken for them: the faults found so far must do.
    private Tensor StandIn(long[] shape) => _budget.TryStandIn(shape) ? zeros(shape) : throw Faulty();

    private CheckpointException Faulty() =>
        new(_folder,
            _faults.Count == 1 ? _faults[0] : $"{_faults.Count} tensors do not fit:{Environment.NewLine}- {string.Join(Environment.NewLine + "- ", _faults)}");
}
