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
/// <param name="plan">Says how fresh matrices are drawn.</param>
/// <param name="head">The head's plan. Null: the weights are the trunk's.</param>
/// <param name="from">What of the checkpoint's head is taken over.</param>
internal sealed class WeightBuilder(CheckpointReader reader, WeightSet weights, ModuleIndex modules, TrunkPlan plan,
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
        Weight weight = Make(name + ".weight", [(name + ".weight", rows)], WeightKind.Embedding, 0, [width], paddingRow: paddingRow);
        var table = new EmbeddingTable(weight, paddingRow);
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
        (string, long)[] pieces = [.. parts.Select(part => (part.Name + ".weight", part.Outputs))];
        if (head is null && reader.Options.Quantization is { } quantization && Quantized(name + ".weight", pieces, depth, inputs, quantization) is { } matrix)
        {
            Weight? offset = bias ? Make(name + ".bias", [.. parts.Select(part => (part.Name + ".bias", part.Outputs))], WeightKind.Bias, depth, []) : null;
            var linear = new Linear(name, matrix, offset, matrix.Parts[0].Prefix);
            modules.Add(linear);
            return linear;
        }
        Weight weight = Make(name + ".weight", pieces, WeightKind.Matrix, depth, [inputs]);
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
    private Weight Make(string name, IReadOnlyList<(string Name, long Rows)> pieces, WeightKind kind, int depth, long[] tail, double initialGain = 1,
        int paddingRow = -1)
    {
        var parts = new List<WeightPart>();
        Tensor value;
        using (NewDisposeScope())
        {
            var tensors = new List<Tensor>();
            long start = 0;
            foreach ((TensorName theirs, string own, long rows) in Stored(name, pieces))
            {
                long[] shape = [rows, .. tail];
                tensors.Add(theirs.Row.Layout.FromFile(Read(theirs, shape, generator => Draw(own, kind, shape, generator, initialGain, paddingRow))));
                parts.Add(new(theirs.Prefix, theirs.Name, start, rows, theirs.Row.Layout));
                start += rows;
            }
            value = (tensors.Count == 1 ? tensors[0] : cat(tensors, 0)).to(_type, reader.Device).contiguous().MoveToOuterDisposeScope();
        }
        Weight weight = Weights.Add(name, value, kind, depth, parts);
        if (head is null && reader.Options is not { FrozenPrecision: null, Quantization: null }) weight.Freeze();
        return weight;
    }

    // Null: a quantised checkpoint holds this layer as floating point, on purpose.
    private QuantizedMatrix? Quantized(string name, IReadOnlyList<(string Name, long Rows)> pieces, int depth, long inputs, WeightQuantization quantization)
    {
        (TensorName Theirs, string Own, long Rows)[] stored = [.. Stored(name, pieces)];
        bool[] quantized = [.. stored.Select(tensor => reader.IsQuantized(tensor.Theirs.Whole))];
        if (reader.HoldsQuantized && !Array.Exists(quantized, held => held)) return null;
        var parts = new List<WeightPart>();
        var matrices = new List<QuantizedRows>();
        long start = 0;
        for (int i = 0; i < stored.Length; i++)
        {
            (TensorName theirs, string own, long rows) = stored[i];
            using var scope = NewDisposeScope();
            matrices.Add(quantized[i] ? reader.ReadQuantized(theirs.Whole, rows, inputs, theirs.Row.Layout)
                : QuantizedRows.Of(theirs.Row.Layout.FromFile(Read(theirs, [rows, inputs], Drawn)), quantization, reader.Device));
            Tensor Drawn(Generator generator) => Draw(own, WeightKind.Matrix, [rows, inputs], generator, 1, -1);
            parts.Add(new(theirs.Prefix, theirs.Name, start, rows, theirs.Row.Layout));
            start += rows;
        }
        var matrix = new QuantizedMatrix(parts, matrices, depth);
        Weights.Keep(matrix);
        return matrix;
    }

    // The checkpoint's tensors of which a weight is stacked, with their rows.
    private IEnumerable<(TensorName Theirs, string Own, long Rows)> Stored(string name, IReadOnlyList<(string Name, long Rows)> pieces)
    {
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
            yield return (theirs, pieces[i].Name, rows);
            i += count;
        }
    }

    private Tensor Read(TensorName name, long[] shape, Func<Generator, Tensor> draw)
    {
        TensorLayout layout = name.Row.Layout;
        // A pooler belongs to the trunk, but a head of a task was tuned with it.
        bool isPooler = head is not null && name.Row.Ours[0] == BertFamily.Pooler.Name;
        bool isFresh = head is not null && !_hasHead && !(isPooler && _keepsPooler && reader.Holds(name.Whole));
        string advice = head is null ? "" : "; ask for a fresh head (FreshHead = true) if it is to be replaced";
        return reader.Read(name.Whole, layout.FileShape(shape), isFresh, advice, _type, generator => layout.ToFile(draw(generator)));
    }

    private static bool HoldsHead(CheckpointReader reader, HeadPlan? head) =>
        head is not null && head.Marks.Any(name => reader.Names.TryMap(name + ".weight", head.Names) is { } mark && reader.Holds(mark.Whole));

    private Tensor Draw(string name, WeightKind kind, long[] shape, Generator generator, double initialGain, int paddingRow)
    {
        if (kind == WeightKind.Bias) return zeros(shape);
        if (kind == WeightKind.Norm) return full(shape, Held((float)initialGain), ScalarType.Float32);
        Tensor drawn = randn(shape, generator: generator).mul_(Held(plan.DeviationOf(name)));
        // Padding is nothing, and stays so: its row gets no gradient.
        if (paddingRow >= 0 && paddingRow < shape[0]) drawn.narrow(0, paddingRow, 1).zero_();
        return drawn;
    }
}
