using FineTuning.Tensors;
using TorchSharp;
using static TorchSharp.torch;

namespace FineTuning.Models;

/// <summary>How one forward pass is computed: with or without dropout, and in which precision.</summary>
/// <remarks>Made for one micro-step and used on one thread inside one dispose scope; it caches the weights' casts for that time.</remarks>
public sealed class ForwardContext
{
    private const int HeadLayer = 1 << 20;

    private readonly DropoutStream? _dropout;
    private readonly Dictionary<(Weight, bool), Tensor> _casts;
    private readonly int _scopes;

    private ForwardContext(DropoutStream? dropout, ScalarType computeType, Dictionary<(Weight, bool), Tensor>? casts = null, int scopes = 0)
    {
        (_dropout, ComputeType, _casts, _scopes) = (dropout, computeType, casts ?? [], scopes);
    }

    private ForwardContext(ForwardContext other, DropoutStream? dropout, Dictionary<(Weight, bool), Tensor> casts, int scopes)
        : this(dropout, other.ComputeType, casts, scopes) =>
        (Embedded, Normalized, Noise, Recomputed, Kept, Rows, Frozen) =
            (other.Embedded, other.Normalized, other.Noise, other.Recomputed, other.Kept, other.Rows, other.Frozen);

    /// <summary>Whether dropout is drawn.</summary>
    public bool IsTraining => _dropout is not null;

    /// <summary>The type in which linear layers compute: float32, or bfloat16 with float32 masters.</summary>
    public ScalarType ComputeType { get; }

    /// <summary>The type in which scores are given: float32, or that of the computation where it is wider.</summary>
    internal ScalarType ResultType => ComputeType == ScalarType.Float64 ? ScalarType.Float64 : ScalarType.Float32;

    /// <summary>The layers whose insides are not kept for the backward pass but computed again there. Null: all are kept.</summary>
    internal RecomputedLayers? Recomputed { get; init; }

    /// <summary>What replaces the token embeddings, [batch, tokens, width]. Null: they are taken as they are.</summary>
    internal Func<Tensor, Tensor>? Embedded { get; private init; }

    /// <summary>Where states of layers that do not train are kept. Null: all layers are computed.</summary>
    internal IFrozenStates? Frozen { get; init; }

    /// <summary>
    /// Whether a text is being written: operations are then fused, which round in another order. No other pass fuses, also without gradients: what is taught,
    /// kept or computed again for training rounds as training does.
    /// </summary>
    internal bool IsDecoding => Kept is not null;

    /// <summary>Casts that outlive the pass. Null: none do.</summary>
    private WeightCasts? Kept { get; init; }

    /// <summary>The adapters of the batch's rows, where they ask for different ones. Null: all get what is attached.</summary>
    internal RowAdapters? Rows { get; private init; }

    /// <summary>A pass without dropout: evaluation and prediction.</summary>
    /// <param name="precision">The type of the matrix products.</param>
    public static ForwardContext Evaluation(Precision precision = Precision.Float32) => For(null, precision);

    /// <summary>What replaces the sum of all embeddings behind its norm, [batch, tokens, width]. Null: it is taken as it is.</summary>
    internal Func<Tensor, Tensor>? Normalized { get; private init; }

    /// <summary>What is added to the token embeddings in training. Null: nothing.</summary>
    internal EmbeddingNoise? Noise { get; private init; }

    /// <summary>The same pass with noise on the token embeddings, drawn from what dropout is drawn from; outside training the pass itself.</summary>
    internal ForwardContext WithNoise(double alpha) =>
        _dropout is null ? this : new(this, _dropout, _casts, _scopes) { Noise = new EmbeddingNoise(alpha, _dropout) };

    /// <summary>The same kind of pass, without dropout, with other embeddings: to differentiate by them.</summary>
    /// <param name="embedded">Is given the token embeddings before sum and norm, and gives what is computed on with. Null: they stay.</param>
    /// <param name="normalized">Is given the sum of all embeddings behind the norm, and gives what is computed on with. Null: it stays.</param>
    /// <param name="computeType">In which type it is computed.</param>
    internal static ForwardContext Observing(Func<Tensor, Tensor>? embedded, Func<Tensor, Tensor>? normalized, ScalarType computeType) =>
        new(null, computeType) { Embedded = embedded, Normalized = normalized };

    /// <summary>A pass without dropout in another type than float32.</summary>
    internal static ForwardContext EvaluationIn(ScalarType computeType) => new(null, computeType);

    /// <summary>A pass of many, without dropout and gradients, between which casts of weights are kept.</summary>
    internal static ForwardContext Decoding(Precision precision, WeightCasts kept) => new(For(null, precision), null, [], 0) { Kept = kept };

    internal static ForwardContext For(
        DropoutStream? dropout, Precision precision, RecomputedLayers? recomputed = null, IFrozenStates? frozen = null) =>
        new(dropout, precision == Precision.BFloat16 ? ScalarType.BFloat16 : ScalarType.Float32)
        {
            Rows = dropout is null ? RowAdapters.Current : null, Recomputed = recomputed, Frozen = frozen,
        };

    /// <summary>The same pass in which all layers are computed.</summary>
    internal ForwardContext WithoutFrozen() => new(this, _dropout, _casts, _scopes) { Frozen = null };

    /// <summary>
    /// Drops elements of <paramref name="input"/> with <paramref name="probability"/> and scales the rest by 1 / (1 - probability); the input itself outside
    /// training. The mask is a function of the run's seed, the step, the layer and <paramref name="site"/>: the same site draws the same mask.
    /// </summary>
    /// <param name="input">Any shape.</param>
    /// <param name="probability">From 0 (nothing is dropped) to below 1.</param>
    /// <param name="site">A number for each point of your code that drops.</param>
    /// <returns>The shape of the input.</returns>
    public Tensor Dropout(Tensor input, double probability, int site)
    {
        ArgumentNullException.ThrowIfNull(input);
        return _dropout is null || probability <= 0 ? input : _dropout.Apply(input, probability, site);
    }

    /// <summary>The pass of one layer.</summary>
    /// <param name="layer">From 0 for the embeddings; unique in the trunk.</param>
    /// <param name="drops">Whether it drops: what does not train does not.</param>
    internal ForwardContext Layer(int layer, bool drops = true) =>
        new(this, drops ? _dropout?.Layer(layer) : null, _casts, _scopes) { Noise = Noise?.Layer(layer) };

    /// <summary>The pass of a head.</summary>
    /// <param name="drops">Whether it drops.</param>
    internal ForwardContext Head(bool drops = true) => Layer(HeadLayer, drops);

    /// <summary>
    /// The pass over one part of a batch, with dropout of its own that is the same each time it is asked for. Used inside one dispose scope more.
    /// </summary>
    internal ForwardContext Part(int part) => new(this, _dropout?.Part(part), _casts, _scopes + 1) { Noise = Noise?.Part(part) };

    /// <summary>The same pass, used inside one dispose scope more: weights that are cast there outlive it.</summary>
    internal ForwardContext Inside() => new(this, _dropout, _casts, _scopes + 1);

    /// <summary>The same pass with casts of its own, which end with the dispose scope that it is used in: what is computed again shares none.</summary>
    internal ForwardContext Again() => new(this, _dropout, [], 0);

    /// <summary>The same pass over other rows, or once more: dropout of its own, and casts that end with its scope.</summary>
    internal ForwardContext Apart(int part) => Part(part).Again();

    /// <summary>The same pass without dropout.</summary>
    internal ForwardContext WithoutDropout() => _dropout is null ? this : new(this, null, _casts, _scopes) { Noise = null };

    /// <summary>The weight in <see cref="ComputeType"/>: itself, or a cast through which the gradient flows back to the float32 master.</summary>
    /// <param name="weight">A weight of the model.</param>
    /// <returns>The shape of the weight.</returns>
    public Tensor Compute(Weight weight)
    {
        ArgumentNullException.ThrowIfNull(weight);
        // What an adapter put in a weight's place is not for all rows.
        Tensor value = Rows is null ? weight.Value : weight.Own;
        if (value.dtype == ComputeType) return value;
        // Of a trunk that is kept in bfloat16 to save memory, whole float32 copies would cost twice what was saved.
        if (Kept is not null && ComputeType == ScalarType.BFloat16 && !is_grad_enabled()) return Kept.Of(value, ComputeType);
        // What does not train is cast each time: kept casts of a frozen trunk would hold it twice.
        if (Rows is not null || !weight.IsTrainable) return value.to(ComputeType);
        // A cast that was made without gradients carries none.
        (Weight, bool) key = (weight, is_grad_enabled());
        if (_casts.TryGetValue(key, out Tensor? cast)) return cast;
        cast = value.to(ComputeType);
        for (int i = 0; i < _scopes; i++) cast = cast.MoveToOuterDisposeScope();
        return _casts[key] = cast;
    }
}
