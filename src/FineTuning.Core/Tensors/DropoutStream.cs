using TorchSharp;
using static TorchSharp.torch;

namespace FineTuning.Tensors;

/// <summary>
/// The dropout of one micro-step: a mask is a pure function of (seed, step, micro-step, layer, site), never of a process-wide generator or of what was drawn
/// before. A layer that is computed again, or alone, draws the same masks.
/// </summary>
/// <remarks>Immutable and thread-safe.</remarks>
internal sealed class DropoutStream
{
    private readonly ulong _key;

    public DropoutStream(long seed, long step, int microStep)
        : this(Combine(Combine(Combine(0, (ulong)seed), (ulong)step), (ulong)microStep))
    {
    }

    private DropoutStream(ulong key) => _key = key;

    /// <summary>The dropout of one part of a micro-step.</summary>
    public DropoutStream Part(int part) => new(Combine(~_key, (ulong)part));

    /// <summary>The dropout of one layer.</summary>
    /// <param name="layer">Any number that only this layer has.</param>
    public DropoutStream Layer(int layer) => new(Combine(_key, (ulong)layer + (1UL << 40)));

    /// <summary>Drops elements with the probability and scales the rest; gradients flow through what is kept.</summary>
    /// <param name="input">Any shape.</param>
    /// <param name="probability">From 0 (the input itself comes back) to below 1.</param>
    /// <param name="site">Where in the layer.</param>
    /// <returns>The shape of the input.</returns>
    public Tensor Apply(Tensor input, double probability, int site) => probability <= 0 ? input : input * Mask(input, probability, site);

    /// <summary>The mask of a site; on a GPU it is made there, of the same numbers.</summary>
    /// <param name="like">What the mask is for: its shape, type and device.</param>
    /// <param name="probability">Above 0 and below 1.</param>
    /// <param name="site">Where in the layer.</param>
    /// <returns>The shape of <paramref name="like"/>: 0 or 1 / (1 - probability).</returns>
    public unsafe Tensor Mask(Tensor like, double probability, int site)
    {
        ulong key = Combine(_key, (ulong)site);
        if (like.device_type != DeviceType.CPU) return DropoutMask.OnDevice(like.shape, key, probability, like.device).to(like.dtype);
        Tensor mask = empty(like.shape, ScalarType.Float32, CPU);
        DropoutMask.Fill((float*)mask.DataPointer(), mask.numel(), key, probability);
        return mask.to(like.dtype);
    }

    /// <summary>Numbers between -1 and 1, evenly spread; element i is a function of the stream, the site and i.</summary>
    /// <param name="shape">Any.</param>
    /// <param name="site">Where in the layer.</param>
    /// <returns>float32, in the processor's memory</returns>
    public unsafe Tensor Uniform(long[] shape, int site)
    {
        ulong key = Combine(_key, (ulong)site);
        Tensor numbers = empty(shape, ScalarType.Float32, CPU);
        var values = (float*)numbers.DataPointer();
        for (long i = 0; i < numbers.numel(); i++) values[i] = (float)(((Combine(key, (ulong)i) >> 11) * (2.0 / (1L << 53))) - 1);
        return numbers;
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
