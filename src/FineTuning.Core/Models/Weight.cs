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
    private readonly Tensor _own;
    private Tensor? _substitute;
    private bool _isFrozen;
    private int _holders;
    private bool _trainedBefore;

    internal Weight(string name, Tensor value, WeightKind kind, int depth, IReadOnlyList<WeightPart> parts)
    {
        Name = name;
        _own = value;
        Kind = kind;
        Depth = depth;
        Parts = parts;
    }

    /// <summary>This library's name of the weight, for example <c>layers.0.attention.projection.weight</c>.</summary>
    public string Name { get; }

    /// <summary>The tensor: a leaf of the graph, float32 (the masters) unless it is kept frozen in another type, on the model's device.</summary>
    public Tensor Value => _substitute ?? _own;

    /// <summary>What the weight is.</summary>
    public WeightKind Kind { get; }

    /// <summary>0 for the embeddings, 1 to L for the layers from the lowest up, L + 1 for what lies above them (pooler and head).</summary>
    public int Depth { get; }

    /// <summary>The checkpoint's tensors that this weight holds, stacked along dimension 0; most hold one.</summary>
    internal IReadOnlyList<WeightPart> Parts { get; }

    /// <summary>Whether gradients are computed for it.</summary>
    public bool IsTrainable
    {
        get => Value.requires_grad;
        internal set
        {
            if (CanTrain) Value.requires_grad_(value);
        }
    }

    /// <summary>Whether it can train: a weight that is kept in a half or integer type cannot, and stays frozen.</summary>
    public bool CanTrain => (_substitute is not null || (!_isFrozen && _holders == 0)) && Value.dtype is (ScalarType.Float32 or ScalarType.Float64);

    /// <summary>The model's own tensor, whatever an adapter has put in its place.</summary>
    internal Tensor Own => _own;

    /// <summary>Whether steps of a run are in its value.</summary>
    internal bool IsTuned
    {
        get => TunedTensors.Contains(Value);
        set => TunedTensors.Set(Value, value);
    }

    /// <summary>Freezes it for good.</summary>
    internal void Freeze()
    {
        Value.requires_grad_(false);
        _isFrozen = true;
    }

    /// <summary>Keeps it from training, for good, and leaves the tensor as it is: a view of a weight that another owner may train.</summary>
    internal void NeverTrain() => _isFrozen = true;

    /// <summary>Keeps it from training while an adapter is attached, or a run trains adapters of several tasks; each who holds it lets it go.</summary>
    internal void Hold()
    {
        if (_holders++ > 0) return;
        _trainedBefore = _own.requires_grad;
        _own.requires_grad_(false);
    }

    /// <summary>The adapter is gone: with the last who held it, it trains again where it did before.</summary>
    internal void LetGo()
    {
        if (_holders == 0 || --_holders > 0) return;
        _own.requires_grad_(_trainedBefore);
    }

    /// <summary>Puts another tensor of the same shape in its place, which is its owner's; null: its own again.</summary>
    internal void Substitute(Tensor? value) => _substitute = value;

    /// <inheritdoc/>
    public override string ToString() => $"{Name} [{string.Join(", ", Value.shape)}] {Kind}, depth {Depth}{(IsTrainable ? "" : ", frozen")}";
}

/// <summary>A tensor of the checkpoint inside a <see cref="Weight"/>.</summary>
internal sealed class WeightPart
{
    internal WeightPart(string prefix, string name, long start, long length, TensorLayout? layout = null) =>
        (Prefix, Name, Start, Length, Layout) = (prefix, name, start, length, layout ?? TensorLayout.Plain);

    /// <summary>Its name in a checkpoint with a head, as Hugging Face's library writes it.</summary>
    public string CheckpointName => Prefix + Name;

    /// <summary>Its name in a base checkpoint, which leaves out the family's prefix.</summary>
    public string Name { get; }

    /// <summary>Its first row in the weight's dimension 0.</summary>
    public long Start { get; }

    /// <summary>How many rows it has.</summary>
    public long Length { get; }

    internal string Prefix { get; }

    internal TensorLayout Layout { get; }

    /// <summary>The tensor in the checkpoint's order, out of a tensor of the weight's shape (its value, its gradient).</summary>
    internal Tensor Of(Tensor whole) => whole.dim() == 0 ? whole : Layout.ToFile(whole.narrow(0, Start, Length));
}
