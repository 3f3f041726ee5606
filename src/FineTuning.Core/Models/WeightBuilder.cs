using FineTuning.Errors;
using FineTuning.Tensors;
using TorchSharp;
using static FineTuning.Tensors.Scalars;
using static TorchSharp.torch;

namespace FineTuning.Models;

/// <summary>Makes a model's weights, one by one as the blocks ask for them: read from a checkpoint, or drawn at random where there is none.</summary>
/// <remarks>Nothing is initialized that a file overwrites. Faults are gathered and reported together by <see cref="Finish"/>.</remarks>
internal sealed class WeightBuilder : IDisposable
{
    private readonly NameTable _names;
    private readonly HeadKind _head;
    private readonly ITensorSource? _source;
    private readonly string _folder;
    private readonly double _deviation;
    private readonly Device _device;
    private readonly ScalarType _type;
    private readonly Generator _generator;
    private readonly Dictionary<string, string> _stored = new(StringComparer.Ordinal);
    private readonly List<string> _mapped = [];
    private readonly List<string> _fresh = [];
    private readonly List<string> _faults = [];
    private readonly HashSet<string> _tied = new(StringComparer.Ordinal);
    private readonly bool _hasHead;
    private readonly bool _keepsPooler;
    private readonly WeightBudget _budget;
    private bool _finished;

    public WeightBuilder(NameTable names, HeadKind head, HeadSource from, ITensorSource? source, string folder, ModelLoadOptions options, double deviation)
    {
        _names = names;
        _head = head;
        _source = source;
        _folder = folder;
        _budget = new(source, folder);
        _deviation = deviation;
        _device = DeviceChoice.Resolve(options.Device);
        _type = options.MasterType;
        _generator = new Generator((ulong)options.Seed);
        foreach (string name in source?.Tensors.Keys ?? [])
        {
            string spelled = names.Normalize(name, head);
            if (!_stored.TryAdd(spelled, name)) _faults.Add($"'{name}' and '{_stored[spelled]}' are both in the file and mean the same tensor");
        }
        bool holdsHead = OutputLayers.Marks(head).Any(module => _stored.ContainsKey(names.Map(module + ".weight", head)));
        _hasHead = from.UsesHead && holdsHead;
        _keepsPooler = from.KeepsPooler ?? !holdsHead;
    }

    public WeightSet Weights { get; } = new();

    /// <summary>A weight of one checkpoint tensor.</summary>
    public Weight Make(string name, WeightKind kind, int depth, params long[] shape) => Make(name, [name], kind, depth, shape, isHead: false);

    /// <summary>A weight of the declared head, which may be fresh where the checkpoint has no head.</summary>
    public Weight MakeHead(string name, WeightKind kind, int depth, params long[] shape) => Make(name, [name], kind, depth, shape, isHead: true);

    /// <summary>A weight that holds several checkpoint tensors stacked along dimension 0, each of <paramref name="shape"/>.</summary>
    public Weight MakeStacked(string name, IReadOnlyList<string> parts, WeightKind kind, int depth, params long[] shape) => Make(name, parts, kind, depth, shape, isHead: false);

    /// <summary>Whether the checkpoint holds a module of the trunk that not every checkpoint of the family does.</summary>
    public bool Holds(string module) => _names.HasTrunk(module) && _stored.ContainsKey(_names.Map(module + ".weight", _head));

    /// <summary>Whether the checkpoint holds a tensor of the head that has the shape of a weight, but other values.</summary>
    public bool HoldsOther(string name, Weight weight)
    {
        if (_source is null || !_hasHead || !_stored.TryGetValue(_names.Map(name, _head), out string? stored) || !_source.Tensors[stored].Shape.SequenceEqual(weight.Value.shape)) return false;
        using var scope = NewDisposeScope();
        using var gradients = no_grad();
        return _source.Read(stored).to(_type, _device).ne(weight.Value).any().item<bool>();
    }

    /// <summary>Names a tensor that may be stored as a copy of another weight: it is neither needed nor surplus.</summary>
    public void Tie(string name) => _tied.Add(_names.Map(name, _head));

    /// <exception cref="CheckpointException">Tensors are missing or have another shape; all are listed.</exception>
    public LoadReport Finish()
    {
        if (_faults.Count > 0) throw Faulty();
        _finished = true;
        string[] ignored = [.. _stored.Values.Except(_mapped, StringComparer.Ordinal).Order(StringComparer.Ordinal)];
        return new(_mapped, _fresh, ignored);
    }

    /// <summary>Frees the weights too where they were not finished.</summary>
    public void Dispose()
    {
        _generator.Dispose();
        if (!_finished) Weights.Dispose();
    }

    private Weight Make(string name, IReadOnlyList<string> sources, WeightKind kind, int depth, long[] shape, bool isHead)
    {
        string[] theirs = [.. sources.Select(source => _names.Map(source, _head))];
        var parts = new WeightPart[theirs.Length];
        for (int i = 0; i < parts.Length; i++) parts[i] = new(theirs[i], i * shape[0], shape[0]);
        long[] whole = [shape[0] * parts.Length, .. shape[1..]];
        Tensor value;
        using (NewDisposeScope())
        {
            // A pooler belongs to the trunk, but a head of a task was tuned with it.
            bool ofTrunk = !isHead || (_keepsPooler && name.StartsWith(BertFamily.Pooler.Name + ".", StringComparison.Ordinal));
            Tensor[] tensors = [.. theirs.Select(part => Tensor(part, kind, shape, isHead, ofTrunk))];
            value = (tensors.Length == 1 ? tensors[0] : cat(tensors, 0)).to(_type, _device).MoveToOuterDisposeScope();
        }
        if (!value.shape.SequenceEqual(whole)) throw new InvalidOperationException($"'{name}' has the shape [{string.Join(", ", value.shape)}]");
        return Weights.Add(name, value, kind, depth, parts);
    }

    private Tensor Tensor(string theirs, WeightKind kind, long[] shape, bool isHead, bool ofTrunk)
    {
        _budget.Ask(theirs, shape);
        if (_source is null) return Draw(kind, shape);
        if (isHead && !_hasHead && !(ofTrunk && _stored.ContainsKey(theirs)))
        {
            _fresh.Add(theirs);
            return _faults.Count > 0 ? StandIn(shape) : Draw(kind, shape);
        }
        if (!_stored.TryGetValue(theirs, out string? stored))
        {
            _faults.Add($"'{theirs}' of shape [{string.Join(", ", shape)}] is missing");
            return StandIn(shape);
        }
        IReadOnlyList<long> found = _source.Tensors[stored].Shape;
        if (!found.SequenceEqual(shape))
        {
            string advice = isHead ? "; ask for a fresh head (FreshHead = true) if it is to be replaced" : "";
            _faults.Add($"'{stored}' has the shape [{string.Join(", ", found)}]; [{string.Join(", ", shape)}] was expected{advice}");
            return StandIn(shape);
        }
        _mapped.Add(stored);
        return _source.ReadWeight(stored);
    }

    // Where sizes do not fit the file, memory is not taken for them: the faults found so far must do.
    private Tensor StandIn(long[] shape) => _budget.TryStandIn(shape) ? zeros(shape) : throw Faulty();

    private CheckpointException Faulty() =>
        new(_folder, _faults.Count == 1 ? _faults[0] : $"{_faults.Count} tensors do not fit:{Environment.NewLine}- {string.Join(Environment.NewLine + "- ", _faults)}");

    private Tensor Draw(WeightKind kind, long[] shape) => kind switch
    {
        WeightKind.Bias => zeros(shape),
        WeightKind.Norm => ones(shape),
        _ => randn(shape, generator: _generator).mul_(Held(_deviation)),
    };
}
