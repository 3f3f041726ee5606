using TorchSharp;
using static TorchSharp.torch;

namespace FineTuning.Tensors;

/// <summary>A linear layer over a large vocabulary and the words that are to come out of it.</summary>
/// <param name="Hidden">[tokens, width], float32, float64 or bfloat16</param>
/// <param name="Weight">[words, width], in the type of <paramref name="Hidden"/></param>
/// <param name="Bias">[words]. Null: none</param>
/// <param name="Targets">[tokens], int64, each from 0 to words - 1, or <see cref="Ignored"/></param>
internal sealed record LinearTargets(Tensor Hidden, Tensor Weight, Tensor? Bias, Tensor Targets)
{
    /// <summary>A target that is not learned: its token takes no part in the products.</summary>
    public const long Ignored = -100;

    // A 64th of the logits of 8,192 tokens: one buffer of them, and what a cast or a soft cap needs beside it, stay below a 32nd.
    public const int TokensAtOnce = 128;

    /// <summary>c of c tanh(logits / c), as Gemma 2 caps its logits; null: they are taken as they are.</summary>
    public double? SoftCap { get; init; }

    /// <summary>The share of the target that is spread over all words, from 0 to below 1.</summary>
    public double Smoothing { get; init; }

    /// <summary>What each token's loss counts, [tokens], float32. Null: 1.</summary>
    public Tensor? TokenWeights { get; init; }

    /// <summary>How many tokens are computed at once.</summary>
    public int Chunk { get; init; } = TokensAtOnce;

    /// <summary>
    /// The weight as a function takes it: seen through a view. On the way back the view makes the gradient a tensor that nobody else holds, and the weight
    /// keeps it; of one that the function still holds it would keep a copy.
    /// </summary>
    public Tensor WeightSeen => Weight.is_leaf && Weight.requires_grad ? Weight.view(Weight.shape) : Weight;

    /// <summary>Tokens whose target counts: the rows of <see cref="Hidden"/> in order, int64. Null: all.</summary>
    public Tensor? Counted()
    {
        using var gradients = no_grad();
        Tensor counts = Targets.ne(Scalars.Held(Ignored));
        return counts.all().item<bool>() ? null : counts.nonzero().squeeze(1);
    }

    /// <exception cref="ArgumentException">Shapes or types do not fit, or a target is no word.</exception>
    public void Check()
    {
        if (Hidden.dim() != 2 || Weight.dim() != 2 || Hidden.shape[1] != Weight.shape[1])
            throw Misfit("hidden states", Hidden, $"[tokens, {Weight.shape[^1]}]");
        if (Targets.dim() != 1 || Targets.shape[0] != Hidden.shape[0] || Targets.dtype != ScalarType.Int64)
            throw Misfit("targets", Targets, $"[{Hidden.shape[0]}] of int64");
        if (Bias is not null && (Bias.dim() != 1 || Bias.shape[0] != Weight.shape[0])) throw Misfit("bias", Bias, $"[{Weight.shape[0]}]");
        if (TokenWeights is not null && (TokenWeights.dim() != 1 || TokenWeights.shape[0] != Hidden.shape[0]))
            throw Misfit("token weights", TokenWeights, $"[{Hidden.shape[0]}]");
        if (Hidden.dtype != Weight.dtype)
            throw new ArgumentException($"hidden states are {Hidden.dtype}, the output layer {Weight.dtype}: both are of one type");
        if (!(Smoothing is >= 0 and < 1)) throw new ArgumentException($"the smoothing is {Smoothing}: it is from 0 to below 1");
        if (SoftCap is { } cap && !(cap > 0 && double.IsFinite(cap))) throw new ArgumentException($"the soft cap is {cap}: it is above 0 and finite");
        ArgumentOutOfRangeException.ThrowIfLessThan(Chunk, 1);
        if (Targets.numel() == 0) return;
        using var scope = NewDisposeScope();
        // A target outside the table would read or write foreign memory.
        (long low, long high) = (Targets.masked_fill(Targets.eq(Scalars.Held(Ignored)), Scalars.Held(0L)).amin().item<long>(), Targets.amax().item<long>());
        if (low < 0 || high >= Weight.shape[0])
            throw new ArgumentException($"targets run from {low} to {high}; the output layer has words 0 to {Weight.shape[0] - 1}");
    }

    private static ArgumentException Misfit(string what, Tensor tensor, string expected) =>
        new($"the {what} have the shape [{string.Join(", ", tensor.shape)}] and the type {tensor.dtype}; {expected} was expected");
}
