using FineTuning.Models;
using FineTuning.Tensors;
using TorchSharp;
using static FineTuning.Tensors.Scalars;
using static TorchSharp.torch;

namespace FineTuning.Adapters;

/// <summary>Rows of an embedding table that are replaced.</summary>
/// <param name="table">The table.</param>
/// <param name="rows">The rows that train, [ids, width].</param>
/// <param name="ids">Which they are, int64; owned.</param>
/// <param name="inner">What else is on the table; null: nothing.</param>
internal sealed class TokenRows(EmbeddingTable table, Weight rows, Tensor ids, TableMethod? inner) : TableMethod(table), IDisposable
{
    // For each id the row that replaces it, or -1.
    private readonly Tensor _lookup = full([table.Weight.Value.shape[0]], Held(-1L), ScalarType.Int64, table.Weight.Value.device)
        .index_copy_(0, ids, Range(0, ids.shape[0], device: table.Weight.Value.device)).DetachFromDisposeScope();

    /// <summary>Whether nothing else is on the table: the output layer that shares it uses the same rows.</summary>
    public bool IsAlone => inner is null;

    public override Tensor Apply(Tensor ids, Tensor rows1, ForwardContext context)
    {
        Tensor below = inner is null ? rows1 : inner.Apply(ids, rows1, context);
        Tensor row = Kernels.Embedding(_lookup.unsqueeze(1), ids).squeeze(-1);
        Tensor replaced = Kernels.Embedding(rows.Value, row.clamp_min(Held(0L))).to(below.dtype);
        return replaced.where(row.ge(Held(0L)).unsqueeze(-1), below);
    }

    public override Tensor Matrix(Tensor table) => (inner is null ? table : inner.Matrix(table)).index_copy(0, ids, rows.Value.to(table.dtype));

    public void Dispose()
    {
        _lookup.Dispose();
        ids.Dispose();
    }
}

/// <summary>The same rows in an output layer that is tied to the embeddings.</summary>
internal sealed class TokenOutputs(LinearModule module, Weight rows, Tensor ids) : LinearMethod(module)
{
    public override Tensor Matrix(Tensor matrix) => matrix.index_copy(0, ids, rows.Value.to(matrix.dtype));
}
