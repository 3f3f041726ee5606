using static TorchSharp.torch;

namespace FineTuning.Models;

/// <summary>How a checkpoint stores a tensor whose rows are outputs here.</summary>
internal abstract record TensorLayout
{
    /// <summary>As it is here.</summary>
    public static TensorLayout Plain { get; } = new PlainLayout();

    /// <summary>Matrices transposed (GPT-2's Conv1D); vectors as they are.</summary>
    public static TensorLayout Transposed { get; } = new TransposedLayout();

    /// <summary>A vector as a matrix of one row (BART's final_logits_bias).</summary>
    public static TensorLayout SingleRow { get; } = new SingleRowLayout();

    /// <summary>Query, key and value of a head next to each other, head after head (GPT-NeoX).</summary>
    /// <param name="heads">How many heads.</param>
    /// <param name="parts">How many parts a head has.</param>
    public static TensorLayout Interleaved(int heads, int parts = 3) => new InterleavedLayout(heads, parts);

    /// <summary>The shape in the file of a tensor that has a shape here.</summary>
    public virtual long[] FileShape(long[] shape) => shape;

    /// <summary>From the file's order to the rows here; a view where possible.</summary>
    public abstract Tensor FromFile(Tensor stored);

    /// <summary>From the rows here to the file's order; a view where possible.</summary>
    public abstract Tensor ToFile(Tensor rows);

    private sealed record PlainLayout : TensorLayout
    {
        public override Tensor FromFile(Tensor stored) => stored;

        public override Tensor ToFile(Tensor rows) => rows;
    }

    private sealed record TransposedLayout : TensorLayout
    {
        public override long[] FileShape(long[] shape) => shape.Length == 2 ? [shape[1], shape[0]] : shape;

        public override Tensor FromFile(Tensor stored) => stored.dim() == 2 ? stored.t() : stored;

        public override Tensor ToFile(Tensor rows) => rows.dim() == 2 ? rows.t() : rows;
    }

    private sealed record SingleRowLayout : TensorLayout
    {
        public override long[] FileShape(long[] shape) => [1, .. shape];

        public override Tensor FromFile(Tensor stored) => stored.squeeze(0);

        public override Tensor ToFile(Tensor rows) => rows.unsqueeze(0);
    }

    private sealed record InterleavedLayout(int Heads, int Parts) : TensorLayout
    {
        public override Tensor FromFile(Tensor stored) => Swap(stored, Heads, Parts);

        public override Tensor ToFile(Tensor rows) => Swap(rows, Parts, Heads);

        private static Tensor Swap(Tensor tensor, int outer, int inner) =>
            tensor.unflatten(0, outer, inner, tensor.shape[0] / outer / inner).transpose(0, 1).flatten(0, 2);
    }
}
