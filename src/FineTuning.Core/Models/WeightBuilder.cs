using FineTuning.Tensors;
using TorchSharp;
using static FineTuning.Tensors.Scalars;
using static TorchSharp.torch;

namespace FineTuning.Models;

/// <summary>
/// Makes the weights of a trunk or of a head, one by one as the blocks ask for them, and lists the modules that can be found by the checkpoint's names.
/// </summary>
/// <param name="reader">The checkpoint.</param>
/// <param name="weights">Gets the weights.</param>
/// <param name="modules">Gets the modules.</param>
/// <param name="deviation">Standard deviation of fresh matrices.</param>
/// <param name="head">The head's plan. Null: the weights are the trunk's.</param>
/// <param name="from">What of the checkpoint's head is taken over.</param>
internal sealed class WeightBuilder(CheckpointReader reader, WeightSet weights, ModuleIndex modules, double deviation,
    HeadPlan? head = null, HeadSource from = default)
{
    private readonly ScalarType _type = head is null && reader.Options.FrozenPrecision == Precision.BFloat16 ? ScalarType.BFloat16 : reader.Options.MasterType;
    private readonly IReadOnlyList<NameRow> _headNames = head?.Names ?? [];
    private readonly bool _hasHead = from.UsesHead && HoldsHead(reader, head);
    private readonly bool _keepsPooler = from.KeepsPooler ?? !HoldsHead(reader, head);

    public WeightSet Weights { get; } = weights;

    /// <summary>Whether the checkpoint holds a module.</summary>
    public bool Holds(string module) => reader.Names.TryMap(module + ".weight", _headNames) is { } name && reader.Holds(name.Whole);

    /// <summary>Whether the checkpoint holds a tensor of the shape of a weight, but with other values.</summary>
    public bool HoldsOther(string name, Weight weight) =>
        _hasHead && reader.Names.TryMap(name, _headNames) is { } mapped && reader.HoldsOther(mapped.Whole, weight);

    /// <summary>A weight.</summary>
    public Weight Make(string name, WeightKind kind, int depth, params long[] shape) => Make(name, [(name, shape[0])], kind, depth, shape[1..]);

    /// <summary>The gain of a norm.</summary>
    public Weight Gain(string name, int depth, long width, double initial) => Make(name, [(name, width)], WeightKind.Norm, depth, [], initial);

    /// <summary>A table of vectors.</summary>
    public EmbeddingTable Table(string name, int paddingRow, long rows, long width)
    {
        var table = new EmbeddingTable(Make(name + ".weight", WeightKind.Embedding, 0, rows, width), paddingRow);
        modules.Add(table);
        return table;
    }

    /// <summary>A linear layer.</summary>
    public Linear Linear(string name, int depth, long inputs, long outputs, bool bias = true) => Linear(name, [(name, outputs)], depth, inputs, bias);

    /// <summary>Several linear layers that share their input, as one product.</summary>
    /// <param name="name">The name of all.</param>
    /// <param name="parts">Their names and outputs.</param>
    /// <param name="depth">The weights' depth.</param>
    /// <param name="inputs">Numbers that go in.</param>
    /// <param name="bias">Whether they have a bias.</param>
    public Linear Linear(string name, IReadOnlyList<(string Name, long Outputs)> parts, int depth, long inputs, bool bias = true)
    {
        Weight weight = Make(name + ".weight", [.. parts.Select(part => (part.Name + ".weight", part.Outputs))], WeightKind.Matrix, depth, [inputs]);
        Weight? added = bias ? Make(name + ".bias", [.. parts.Select(part => (part.Name + ".bias", part.Outputs))], WeightKind.Bias, depth, []) : null;
        return Linear(name, weight, added);
    }

    /// <summary>
    /// A linear layer of weights that exist; its modules have the names of the weight's parts, or the one that the
    /// checkpoint has for the layer (an output that is tied).
    /// </summary>
    public Linear Linear(string name, Weight weight, Weight? bias, bool isTied = false)
    {
        string? path = isTied ? reader.Names.TryMap(name + ".weight", _headNames)?.Whole : null;
        var linear = new Linear(name, new DenseMatrix(weight), bias, weight.Parts[0].Prefix, path);
        modules.Add(linear);
        return linear;
    }

    /// <summary>
    /// A weight of several pieces stacked along dimension 0, each with its name; pieces that the checkpoint holds as one tensor are read as one.
    /// </summary>
    private Weight Make(string name, IReadOnlyList<(string Name, long Rows)> pieces, WeightKind kind, int depth, long[] tail, double initialGain = 1)
    {
        var parts = new List<WeightPart>();
        Tensor value;
        using (NewDisposeScope())
        {
            var tensors = new List<Tensor>();
            long start = 0;
            for (int i = 0; i < pieces.Count;)
            {
                TensorName theirs = reader.Names.Map(pieces[i].Name, _headNames);
                int count = theirs.Row.Ours.Count;
                long rows = 0;
                for (int j = i; j < i + count; j++)
                {
                    // One tensor of the checkpoint lies in one weight, in the same order.
                    if (j >= pieces.Count || reader.Names.Map(pieces[j].Name, _headNames) != theirs)
                        throw new InvalidOperationException($"the name table's row of '{pieces[i].Name}' is not a run of the pieces of '{name}'");
                    rows += pieces[j].Rows;
                }
                long[] shape = [rows, .. tail];
                tensors.Add(theirs.Row.Layout.FromFile(Read(theirs, shape, kind, initialGain)));
                parts.Add(new(theirs.Prefix, theirs.Name, start, rows, theirs.Row.Layout));
                start += rows;
                i += count;
            }
            value = (tensors.Count == 1 ? tensors[0] : cat(tensors, 0)).to(_type, reader.Device).contiguous().MoveToOuterDisposeScope();
        }
        Weight weight = Weights.Add(name, value, kind, depth, parts);
        if (head is null && reader.Options.FrozenPrecision is not null) weight.Freeze();
        return weight;
    }

    private Tensor Read(TensorName name, long[] shape, WeightKind kind, double initialGain)
    {
        TensorLayout layout = name.Row.Layout;
        // A pooler belongs to the trunk, but a head of a task was tuned with it.
        bool isPooler = head is not null && name.Row.Ours[0] == BertFamily.Pooler.Name;
        bool isFresh = head is not null && !_hasHead && !(isPooler && _keepsPooler && reader.Holds(name.Whole));
        string advice = head is null ? "" : "; ask for a fresh head (FreshHead = true) if it is to be replaced";
        return reader.Read(name.Whole, layout.FileShape(shape), isFresh, advice, _type, generator => layout.ToFile(Draw(kind, shape, generator, initialGain)));
    }

    private static bool HoldsHead(CheckpointReader reader, HeadPlan? head) =>
        head is not null && head.Marks.Any(name => reader.Names.TryMap(name + ".weight", head.Names) is { } mark && reader.Holds(mark.Whole));

    private Tensor Draw(WeightKind kind, long[] shape, Generator generator, double initialGain) => kind switch
    {
        WeightKind.Bias => zeros(shape),
        WeightKind.Norm => full(shape, Held((float)initialGain), ScalarType.Float32),
        _ => randn(shape, generator: generator).mul_(Held(deviation)),
    };
}
