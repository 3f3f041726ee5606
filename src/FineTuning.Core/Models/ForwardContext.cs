using FineTuning.Tensors;
using TorchSharp;
using static TorchSharp.torch;

namespace FineTuning.Models;

/// <summary>How one forward pass is computed: with or without dropout, and in which precision.</summary>
/// <remarks>Made for one micro-step and used on one thread; it caches the weights' casts for that time.</remarks>
public sealed class ForwardContext
{
    private readonly DropoutStream? _dropout;
    private Dictionary<Weight, Tensor>? _casts;

    private ForwardContext(DropoutStream? dropout, ScalarType computeType)
    {
        _dropout = dropout;
        ComputeType = computeType;
    }

    /// <summary>A pass without dropout, in float32: evaluation and prediction.</summary>
    public static ForwardContext Evaluation() => new(null, ScalarType.Float32);

    /// <summary>Whether dropout is drawn.</summary>
    public bool IsTraining => _dropout is not null;

    /// <summary>The type in which linear layers compute: float32, or bfloat16 with float32 masters.</summary>
    public ScalarType ComputeType { get; }

    /// <summary>The type in which scores are given: float32, or that of the computation where it is wider.</summary>
    internal ScalarType ResultType => ComputeType == ScalarType.Float64 ? ScalarType.Float64 : ScalarType.Float32;

    /// <summary>What takes the place of the token embeddings, [batch, tokens, width]; null: they are taken as they are.</summary>
    internal Func<Tensor, Tensor>? Embedded { get; private init; }

    /// <summary>What takes the place of the sum of all embeddings behind its norm, [batch, tokens, width]; null: it is taken as it is.</summary>
    internal Func<Tensor, Tensor>? Normalized { get; private init; }

    /// <summary>The same kind of pass, without dropout, with other embeddings: to differentiate by them.</summary>
    /// <param name="embedded">Is given the token embeddings before sum and norm, and gives what is computed on with; null: they stay.</param>
    /// <param name="normalized">Is given the sum of all embeddings behind the norm, and gives what is computed on with; null: it stays.</param>
    /// <param name="computeType">In which type it is computed.</param>
    internal static ForwardContext Observing(Func<Tensor, Tensor>? embedded, Func<Tensor, Tensor>? normalized, ScalarType computeType) =>
        new(null, computeType) { Embedded = embedded, Normalized = normalized };

    /// <summary>A pass without dropout in another type than float32.</summary>
    internal static ForwardContext EvaluationIn(ScalarType computeType) => new(null, computeType);

    internal static ForwardContext For(DropoutStream? dropout, Precision precision) =>
        new(dropout, precision == Precision.BFloat16 ? ScalarType.BFloat16 : ScalarType.Float32);

    /// <summary>Drops elements of <paramref name="input"/> with <paramref name="probability"/> and scales the rest by 1 / (1 - probability); the input itself outside training.</summary>
    /// <param name="input">Any shape.</param>
    /// <param name="probability">From 0 (nothing is dropped) to below 1.</param>
    /// <returns>The shape of the input.</returns>
    public Tensor Dropout(Tensor input, double probability) =>
        _dropout is null || probability <= 0 ? input : _dropout.Apply(input, probability);

    /// <summary>The same pass without dropout: for parts that do not train.</summary>
    internal ForwardContext WithoutDropout() => IsTraining ? new(null, ComputeType) { _casts = _casts ??= [] } : this;

    /// <summary>The pass over one part of a batch, with dropout of its own that is the same each time it is asked for.</summary>
    internal ForwardContext Part(int part) => new(_dropout?.Part(part), ComputeType);

    /// <summary>The weight in <see cref="ComputeType"/>: itself, or a cast through which the gradient flows back to the float32 master.</summary>
    /// <param name="weight">A weight of the model.</param>
    /// <returns>The shape of the weight.</returns>
    public Tensor Compute(Weight weight)
    {
        ArgumentNullException.ThrowIfNull(weight);
        if (weight.Value.dtype == ComputeType) return weight.Value;
        _casts ??= [];
        if (!_casts.TryGetValue(weight, out Tensor? cast)) _casts[weight] = cast = weight.Value.to(ComputeType);
        return cast;
    }
}
