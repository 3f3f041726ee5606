using TorchSharp;
using static TorchSharp.torch;

namespace FineTuning.Models;

/// <summary>What a weight is, which decides whether it decays and how it may be frozen.</summary>
public enum WeightKind
{
    /// <summary>The matrix of a linear layer.</summary>
    Matrix,

    /// <summary>A bias vector.</summary>
    Bias,

    /// <summary>The gain or offset of a normalization layer.</summary>
    Norm,

    /// <summary>A table of token, position or type embeddings.</summary>
    Embedding,
}

/// <summary>One trainable tensor of a model, with the names it has in the checkpoint.</summary>
/// <remarks>
/// A weight may hold several tensors of the checkpoint stacked along dimension 0 (query, key and value are one matrix here: one product instead of three);
/// <see cref="Parts"/> then lists them in order, and loading and saving split them again. Owned by the <see cref="WeightSet"/> that created it.
/// </remarks>
public sealed class Weight
{
    internal Weight(string name, Tensor value, WeightKind kind, int depth, IReadOnlyList<WeightPart> parts)
    {
        Name = name;
        Value = value;
        Kind = kind;
        Depth = depth;
        Parts = parts;
    }

    /// <summary>This library's name of the weight, for example <c>layers.0.attention.projection.weight</c>.</summary>
    public string Name { get; }

    /// <summary>The tensor: a leaf of the graph, float32 (the masters), on the model's device.</summary>
    public Tensor Value { get; }

    /// <summary>What the weight is.</summary>
    public WeightKind Kind { get; }

    /// <summary>0 for the embeddings, 1 to L for the layers from the lowest up, L + 1 for what stands above them (pooler and head).</summary>
    public int Depth { get; }

    /// <summary>The checkpoint's tensors that this weight holds, stacked along dimension 0; most hold one.</summary>
    public IReadOnlyList<WeightPart> Parts { get; }

    /// <summary>Whether gradients are computed for it.</summary>
    public bool IsTrainable
    {
        get => Value.requires_grad;
        internal set => Value.requires_grad_(value);
    }

    /// <inheritdoc/>
    public override string ToString() => $"{Name} [{string.Join(", ", Value.shape)}] {Kind}, depth {Depth}{(IsTrainable ? "" : ", frozen")}";
}

/// <summary>A tensor of the checkpoint inside a <see cref="Weight"/>.</summary>
/// <param name="CheckpointName">Its name in the checkpoint, as Hugging Face's library writes it.</param>
/// <param name="Start">Its first row in the weight's dimension 0.</param>
/// <param name="Length">How many rows it has.</param>
/// <param name="Transposed">Whether the checkpoint stores it transposed (GPT-2's Conv1D).</param>
public sealed record WeightPart(string CheckpointName, long Start, long Length, bool Transposed = false);
