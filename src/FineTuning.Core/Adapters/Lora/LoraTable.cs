using FineTuning.Models;
using FineTuning.Tensors;
using TorchSharp;
using static FineTuning.Tensors.Scalars;
using static TorchSharp.torch;

namespace FineTuning.Adapters;

/// <summary>LoRA on an embedding table: row t becomes row t + s (B A) column t; with magnitudes, each channel is scaled.</summary>
internal sealed class LoraTable : TableMethod
{
    private readonly Weight _a;
    private readonly Weight _b;
    private readonly Weight? _magnitude;
    private readonly double _scale;

    public LoraTable(EmbeddingTable table, string path, LoraAdapter options, ParameterSource source)
        : base(table)
    {
        (int rank, _scale) = options.Of(path);
        long rows = table.Weight.Value.shape[0], width = table.Weight.Value.shape[1];
        using var scope = NewDisposeScope();
        using var gradients = no_grad();
        // PEFT begins an embedding the other way round: A at 0, B drawn.
        _a = source.Make(path, "lora_embedding_A", [rank, rows], 0, () => zeros(rank, rows));
        _b = source.Make(path, "lora_embedding_B", [width, rank], 0, () => randn([width, rank], generator: source.Generator));
        if (options.HasMagnitudes) _magnitude = source.Make(path, "lora_magnitude_vector", [width], 0, () => Norms(Changed(Base())));
    }

    /// <inheritdoc/>
    public override bool IsStill => !_a.Value.any().item<bool>();

    public Weight A => _a;

    public Weight B => _b;

    public double Scale => _scale;

    public override Tensor Apply(Tensor ids, Tensor rows, ForwardContext context)
    {
        Tensor low = nn.functional.linear(Kernels.Embedding(_a.Value.t(), ids, Table.PaddingRow), _b.Value) * Held(_scale);
        Tensor changed = rows.Plus(low.to(rows.dtype));
        if (_magnitude is null) return changed;
        Tensor norms;
        using (no_grad()) norms = Norms(Changed(Base()));
        return changed * (_magnitude.Value / norms).to(rows.dtype);
    }

    public override Tensor Matrix(Tensor table) => _magnitude is null ? Changed(table) : Changed(table) * (_magnitude.Value / Norms(Changed(table)));

    private Tensor Base() => Table.Weight.Value.to(_a.Value.dtype);

    private Tensor Changed(Tensor table) => table.Plus(_a.Value.t().mm(_b.Value.t()) * Held(_scale));

    private static Tensor Norms(Tensor table) => linalg.norm(table, dims: [0]);
}

/// <summary>The same low-rank part in an output layer that is tied to the embeddings: one part, which both sides train.</summary>
internal sealed class LoraTiedOutput : LinearMethod
{
    private readonly LoraTable _table;

    public LoraTiedOutput(LinearModule module, string path, LoraTable table, ParameterSource source)
        : base(module)
    {
        _table = table;
        source.Repeat(path, "lora_A.weight", table.B, value => value.t());
        source.Repeat(path, "lora_B.weight", table.A, value => value.t());
    }

    public override Tensor Delta() => _table.A.Value.t().mm(_table.B.Value.t()) * Held(_table.Scale);

    public override Tensor Matrix(Tensor matrix) => matrix.Plus(Delta());

    public override Tensor Apply(Tensor input, Tensor product, long start, long count, ForwardContext context)
    {
        Tensor values = input.dtype == _table.A.Value.dtype ? input : input.to(_table.A.Value.dtype);
        Tensor low = nn.functional.linear(nn.functional.linear(values, _table.B.Value.t()), _table.A.Value.t().narrow(0, start, count)) * Held(_table.Scale);
        return (product.dtype == low.dtype ? product : product.to(low.dtype)).Plus(low).to(product.dtype);
    }
}
