using System.Text;
using System.Text.Json.Nodes;
using FineTuning.Errors;
using FineTuning.Tensors;
using TorchSharp;
using static TorchSharp.torch;

namespace FineTuning.Models;

/// <summary>A quantised matrix of a checkpoint, as bitsandbytes stores it: codes under the matrix's name, and scales and tables beside it.</summary>
/// <param name="name">The matrix's name in the family's spelling.</param>
/// <param name="find">What the file says of a tensor of such a name; null: it has none.</param>
/// <param name="read">Its values.</param>
/// <param name="folder">What messages call the checkpoint.</param>
internal sealed class StoredQuantization(string name, Func<string, StoredTensor?> find, Func<string, Tensor> read, string folder)
{
    private const int LargestState = 1 << 16;
    private static readonly string[] States = [".quant_state.bitsandbytes__nf4", ".quant_state.bitsandbytes__fp4"];

    private string Module => name.EndsWith(".weight", StringComparison.Ordinal) ? name[..^".weight".Length] : name;

    private string Scales8 => Module + ".SCB";

    /// <summary>Whether a matrix is stored so.</summary>
    public bool Exists => find(Scales8) is not null || States.Any(state => find(name + state) is not null);

    /// <summary>The matrix.</summary>
    /// <param name="rows">The rows that the model needs.</param>
    /// <param name="columns">The columns that the model needs.</param>
    /// <param name="device">Where it goes.</param>
    /// <exception cref="CheckpointException">Tensors are missing, of another shape or size, or hold what cannot be.</exception>
    public QuantizedRows Read(long rows, long columns, Device device)
    {
        using var scope = NewDisposeScope();
        using var gradients = no_grad();
        return find(Scales8) is not null ? ReadInt8(rows, columns, device) : ReadFourBit(rows, columns, device);
    }

    private Int8Rows ReadInt8(long rows, long columns, Device device)
    {
        Tensor numbers = Take(name, "I8", [rows, columns]), scales = Take(Scales8, "F32", [rows]);
        Finite(Scales8, scales);
        // How the numbers lie: rows, the only form that is stored.
        string format = Module + ".weight_format";
        if (find(format) is not null) read(format);
        return new(numbers.to(device).DetachFromDisposeScope(), scales.to(device).DetachFromDisposeScope());
    }

    private FourBitRows ReadFourBit(long rows, long columns, Device device)
    {
        string state = name + States.First(own => find(name + own) is not null);
        StoredTensor text = find(state)!;
        if (text.DataType != "U8" || text.Shape.Count != 1 || text.Shape[0] > LargestState) throw Fault(state, "is no text of a few bytes");
        JsonObject root;
        try
        {
            root = JsonNode.Parse(Encoding.UTF8.GetString(read(state).bytes)) as JsonObject ?? throw Fault(state, "is no JSON object");
        }
        catch (System.Text.Json.JsonException fault)
        {
            throw Fault(state, $"is no JSON: {fault.Message}");
        }
        ConfigFile config = ConfigFile.Of($"{folder}: {state}", root);
        int block = config.Count("blocksize", null, 2, 1 << 16);
        if (block % 2 != 0) throw Fault(state, $"names blocks of {block} numbers; an even number was expected");
        long[] shape = [.. config.Counts("shape", 2, int.MaxValue).Select(size => (long)size)];
        if (shape[0] != rows || shape[1] != columns) throw Fault(name, $"has the shape [{shape[0]}, {shape[1]}]; [{rows}, {columns}] was expected");
        long count = checked(rows * columns), blocks = (count + block - 1) / block;
        if (count > int.MaxValue) throw Fault(name, $"has {count} numbers; at most {int.MaxValue} are taken");
        Tensor packed = Take(name, "U8", [(count + 1) / 2, 1]);
        float[] numbers = Table(name + ".quant_map", 16);
        BlockScales scales;
        if (find(name + ".nested_absmax") is null)
        {
            Tensor plain = Take(name + ".absmax", "F32", [blocks]);
            Finite(name + ".absmax", plain);
            scales = new(plain.to(device).DetachFromDisposeScope());
        }
        else
        {
            int outerBlock = config.Count("nested_blocksize", 256, 2, 1 << 16);
            float offset = (float)config.Number("nested_offset", 0, -3e38, 3e38);
            Tensor outer = Take(name + ".nested_absmax", "F32", [(blocks + outerBlock - 1) / outerBlock]);
            Finite(name + ".nested_absmax", outer);
            scales = BlockScales.OfCodes(Take(name + ".absmax", "U8", [blocks]).to(device).DetachFromDisposeScope(),
                outer.to(device).DetachFromDisposeScope(), offset, Table(name + ".nested_quant_map", 256), outerBlock);
        }
        return new(rows, columns, packed.view(-1).to(device).DetachFromDisposeScope(), numbers, block, scales);
    }

    private float[] Table(string table, int count)
    {
        Tensor values = Take(table, "F32", [count]);
        Finite(table, values);
        return [.. values.data<float>()];
    }

    // Nothing is read before its size is known to be right.
    private Tensor Take(string tensor, string type, long[] shape)
    {
        if (find(tensor) is not { } stored) throw Fault(tensor, "is missing");
        if (stored.DataType != type || !stored.Shape.SequenceEqual(shape))
            throw Fault(tensor, $"is {stored.DataType} [{string.Join(", ", stored.Shape)}]; {type} [{string.Join(", ", shape)}] was expected");
        return read(tensor);
    }

    private void Finite(string tensor, Tensor values)
    {
        if (!values.isfinite().all().item<bool>()) throw Fault(tensor, "holds NaN or infinite numbers: the file is damaged");
    }

    private CheckpointException Fault(string tensor, string problem) => new(folder, $"'{tensor}' {problem}");
}
