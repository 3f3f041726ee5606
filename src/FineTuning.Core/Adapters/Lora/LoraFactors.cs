using TorchSharp;
using static FineTuning.Tensors.Scalars;
using static TorchSharp.torch;

namespace FineTuning.Adapters;

/// <summary>What a start makes of a matrix [outputs, inputs].</summary>
/// <param name="A">[rank, inputs]</param>
/// <param name="B">[outputs, rank]</param>
internal sealed record LoraFactors(Tensor A, Tensor B)
{
    /// <summary>The factors; null: the start does not look at the matrix. They belong to the current scope.</summary>
    public static LoraFactors? Of(LoraStart start, Tensor matrix, int rank, double scale)
    {
        if (start == LoraStart.Zero) return null;
        long most = Math.Min(matrix.shape[0], matrix.shape[1]);
        if (rank > most) throw new Errors.InvalidOptionsException([$"the rank {rank} is larger than a side of a matrix of {matrix.shape[0]} by " +
            $"{matrix.shape[1]}: this start needs at most {most}"]);
        if (start == LoraStart.Orthonormal)
        {
            (Tensor q, Tensor r) = linalg.qr(matrix);
            return new(r.narrow(0, 0, rank), q.narrow(1, 0, rank));
        }
        (Tensor u, Tensor s, Tensor vh) = linalg.svd(matrix, fullMatrices: false);
        if (start == LoraStart.MinorComponents) return new(zeros(rank, matrix.shape[1], dtype: matrix.dtype), u.narrow(1, most - rank, rank));
        Tensor root = (s.narrow(0, 0, rank) / Held(scale)).sqrt();
        return new(root.unsqueeze(1) * vh.narrow(0, 0, rank), u.narrow(1, 0, rank) * root.unsqueeze(0));
    }

    /// <summary>Uniform within the bound of He et al. 2015 with a = sqrt(5), as PEFT draws A: 1 over the root of the inputs.</summary>
    public static Tensor Uniform(long rows, long columns, Generator generator, long? inputs = null)
    {
        double bound = 1 / Math.Sqrt(inputs ?? columns);
        return rand([rows, columns], generator: generator).mul_(Held(2 * bound)).sub_(Held(bound));
    }

    /// <summary>Copies that outlive the scope.</summary>
    public LoraFactors Kept() => new(A.clone().DetachFromDisposeScope(), B.clone().DetachFromDisposeScope());
}
