using FineTuning.Tensors;
using static TorchSharp.torch;

namespace FineTuning.Models;

/// <summary>A table of vectors by id, with a seam where an adapter changes what it gives.</summary>
/// <param name="weight">[rows, width]</param>
/// <param name="paddingRow">The row that gets no gradient; -1: every row does.</param>
internal sealed class EmbeddingTable(Weight weight, int paddingRow = -1)
{
    /// <summary>The row that gets no gradient; -1: every row does.</summary>
    public long PaddingRow { get; } = paddingRow;

    public Weight Weight { get; } = weight;

    /// <summary>The module's name in the checkpoint, with the family's prefix.</summary>
    public string Path { get; } = weight.Parts[0].CheckpointName.EndsWith(".weight", StringComparison.Ordinal)
        ? weight.Parts[0].CheckpointName[..^".weight".Length] : weight.Parts[0].CheckpointName;

    /// <summary>Changes what the table gives. Null: nothing does. Not set while a pass runs.</summary>
    public IEmbeddingAdapter? Adapter { get; set; }

    /// <param name="ids">int64, any shape.</param>
    /// <param name="context">The pass.</param>
    /// <returns>[.., width]; float32, or float64 where the weights are</returns>
    public Tensor Forward(Tensor ids, ForwardContext context)
    {
        Tensor rows = Kernels.Embedding(Weight.Value, ids, PaddingRow);
        if (rows.dtype is ScalarType.BFloat16 or ScalarType.Float16) rows = rows.to(ScalarType.Float32);
        return Adapter is null ? rows : Adapter.Apply(ids, rows, context);
    }
}

/// <summary>Changes what an embedding table gives. Its weights are in the trunk's <see cref="WeightSet"/>.</summary>
internal interface IEmbeddingAdapter
{
    /// <param name="ids">int64, any shape.</param>
    /// <param name="rows">The table's rows, [.., width].</param>
    /// <param name="context">The pass.</param>
    /// <returns>What replaces them, of the same shape.</returns>
    Tensor Apply(Tensor ids, Tensor rows, ForwardContext context);
}
