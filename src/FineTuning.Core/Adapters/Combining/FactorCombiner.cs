using TorchSharp;
using static FineTuning.Tensors.Scalars;
using static TorchSharp.torch;

namespace FineTuning.Adapters;

/// <summary>One adapter's part of a module: its factors, its scale on the module, and its weight in the combination.</summary>
/// <param name="Adapter">The adapter's name.</param>
/// <param name="A">[rank, inputs]</param>
/// <param name="B">[outputs, rank]</param>
/// <param name="Scale">Of the product.</param>
/// <param name="Weight">In the combination.</param>
internal sealed record FactorPart(string Adapter, Tensor A, Tensor B, double Scale, double Weight);

/// <summary>Combines the factors of one module.</summary>
/// <param name="kind">How.</param>
/// <param name="rank">The rank of the result.</param>
/// <param name="keep">What DARE keeps of a tensor that is named so, as 0 and 1 of its shape.</param>
internal sealed class FactorCombiner(AdapterCombination kind, long rank, Func<string, Tensor, Tensor> keep)
{
    /// <returns>Factors whose product, unscaled, is the change. They belong to the current scope.</returns>
    public LoraFactors Of(IReadOnlyList<FactorPart> parts)
    {
        if (kind.Kind == CombinationKind.Concatenated) return Concatenated(parts);
        if (kind.Decomposes) return Decomposed(parts);
        double[] roots = [.. parts.Select(part => Math.Sqrt(Math.Abs(part.Weight * part.Scale)))];
        // The product has the weight's sign if one factor has.
        double[] signed = [.. parts.Select((part, i) => Math.Sign(part.Weight * part.Scale) * roots[i])];
        return new(Merged([.. parts.Select(part => ($"A.{part.Adapter}", part.A))], signed), Merged([.. parts.Select(part => ($"B.{part.Adapter}",
            part.B))], roots));
    }

    private LoraFactors Concatenated(IReadOnlyList<FactorPart> parts)
    {
        Tensor a = cat([.. parts.Select(part => part.A * Held(part.Weight * part.Scale))], 0), b = cat([.. parts.Select(part => part.B)], 1);
        return Filled(a, b);
    }

    private LoraFactors Decomposed(IReadOnlyList<FactorPart> parts)
    {
        Tensor whole = Merged([.. parts.Select(part => (part.Adapter, part.B.mm(part.A) * Held(part.Scale)))], [.. parts.Select(part => part.Weight)]);
        (Tensor u, Tensor s, Tensor vh) = linalg.svd(whole, fullMatrices: false);
        long kept = Math.Min(rank, s.shape[0]);
        return Filled(vh.narrow(0, 0, kept), u.narrow(1, 0, kept) * s.narrow(0, 0, kept).unsqueeze(0));
    }

    // What is missing to the rank is 0.
    private LoraFactors Filled(Tensor a, Tensor b)
    {
        long missing = rank - a.shape[0];
        if (missing == 0) return new(a, b);
        return new(cat([a, zeros(missing, a.shape[1], dtype: a.dtype, device: a.device)], 0), cat([b, zeros(b.shape[0], missing, dtype: b.dtype,
            device: b.device)], 1));
    }

    private Tensor Merged((string Name, Tensor Value)[] parts, double[] weights)
    {
        Tensor[] values = [.. parts.Select(part => kind.Prunes ? Largest(part.Value)
            : kind.Drops ? part.Value * keep(part.Name, part.Value).to(part.Value.dtype) / Held(kind.Density) : part.Value)];
        Tensor all = stack(values, 0), scales = tensor(weights, all.dtype, all.device).view([weights.Length, .. values[0].shape.Select(_ => 1L)]);
        if (!kind.Elects) return (all * scales).sum([0]);
        Tensor votes = (kind.CountsSigns ? all.sign() : all).sum([0]);
        Tensor elected = ones_like(votes).masked_fill(votes.lt(Held(0)), Held(-1));
        Tensor agree = all.sign().eq(elected.unsqueeze(0)).to(all.dtype);
        return (all * scales * agree).sum([0]) / agree.sum([0]).clamp_min(Held(1));
    }

    private Tensor Largest(Tensor value)
    {
        long count = (long)(kind.Density * value.numel());
        if (count == value.numel()) return value;
        Tensor flat = value.reshape(-1), pruned = zeros_like(flat);
        if (count == 0) return pruned.view(value.shape);
        Tensor index = flat.abs().topk((int)count).indexes;
        return pruned.index_copy_(0, index, flat.index_select(0, index)).view(value.shape);
    }
}
