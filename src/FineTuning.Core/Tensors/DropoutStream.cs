using TorchSharp;
using static TorchSharp.torch;

namespace FineTuning.Tensors;

/// <summary>The dropout of one micro-step: each site's mask is a pure function of (seed, step, micro-step, site), never of a process-wide generator.</summary>
/// <remarks>A site is a call of <see cref="Apply"/>, counted from 0 in the order of the forward pass. For one thread.</remarks>
internal sealed class DropoutStream
{
    private readonly ulong _key;
    private ulong _site;

    public DropoutStream(long seed, long step, int microStep)
        : this(Combine(Combine(Combine(0, (ulong)seed), (ulong)step), (ulong)microStep))
    {
    }

    private DropoutStream(ulong key) => _key = key;

    /// <summary>The dropout of one part of a micro-step, from its first site: asked for twice, it gives the same masks twice.</summary>
    public DropoutStream Part(int part) => new(Combine(~_key, (ulong)part));

    /// <summary>Drops elements with the probability and scales the rest; gradients flow through what is kept.</summary>
    /// <param name="input">Any shape.</param>
    /// <param name="probability">From 0 (the input itself comes back) to below 1.</param>
    /// <returns>The shape of the input.</returns>
    public Tensor Apply(Tensor input, double probability) => probability <= 0 ? input : input * Mask(input, probability);

    /// <summary>The mask of the next site.</summary>
    /// <param name="like">What the mask is for: its shape, type and device.</param>
    /// <param name="probability">Above 0 and below 1.</param>
    /// <returns>The shape of <paramref name="like"/>: 0 or 1 / (1 - probability).</returns>
    public unsafe Tensor Mask(Tensor like, double probability)
    {
        Tensor mask = empty(like.shape, ScalarType.Float32, CPU);
        DropoutMask.Fill((float*)mask.DataPointer(), mask.numel(), Combine(_key, _site++), probability);
        return mask.to(like.dtype).to(like.device);
    }

    // SplitMix64's finalizer (Steele, Lea and Flood 2014) over a running sum.
    internal static ulong Combine(ulong key, ulong value)
    {
        ulong x = key + value + 0x9E3779B97F4A7C15ul;
        x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9ul;
        x = (x ^ (x >> 27)) * 0x94D049BB133111EBul;
        return x ^ (x >> 31);
    }
}
