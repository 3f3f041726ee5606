using System.Numerics;
using System.Runtime.Intrinsics;
using TorchSharp;
using static TorchSharp.torch;

namespace FineTuning.Tensors;

/// <summary>
/// Fills dropout masks from a counter: element i of a mask is a pure function of (key, i), whatever the width of the processor's vectors and the number of
/// threads, so that a step can be repeated without a stored state (the idea of Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3").
/// </summary>
internal static class DropoutMask
{
    private const int ParallelThreshold = 1 << 17;
    private const int Piece = 1 << 15;

    /// <summary>Sets each element to 0 with the probability, else to 1 / (1 - probability).</summary>
    public static void Fill(Span<float> mask, ulong key, double probability)
    {
        uint threshold = Threshold(probability);
        float kept = (float)(1 / (1 - probability));
        FillFrom(mask, 0, (uint)key, (uint)(key >> 32), threshold, kept);
    }

    /// <summary>The same over memory outside the heap, on several threads where it is large.</summary>
    public static unsafe void Fill(float* mask, long length, ulong key, double probability)
    {
        uint threshold = Threshold(probability);
        float kept = (float)(1 / (1 - probability));
        uint low = (uint)key, high = (uint)(key >> 32);
        if (length < ParallelThreshold || Environment.ProcessorCount == 1)
        {
            for (long start = 0; start < length; start += Piece)
            {
                FillFrom(new Span<float>(mask + start, (int)Math.Min(Piece, length - start)), (uint)start, low, high, threshold, kept);
            }
            return;
        }
        int pieces = (int)((length + Piece - 1) / Piece);
        Parallel.For(0, pieces, piece =>
        {
            long start = (long)piece * Piece;
            FillFrom(new Span<float>(mask + start, (int)Math.Min(Piece, length - start)), (uint)start, low, high, threshold, kept);
        });
    }

    /// <summary>The same numbers, made by tensor operations on a device; a mask that is made there needs no transfer.</summary>
    /// <param name="shape">Any.</param>
    /// <param name="key">As for <see cref="Fill(Span{float}, ulong, double)"/>.</param>
    /// <param name="probability">Above 0 and below 1.</param>
    /// <param name="device">Where.</param>
    /// <returns>float32</returns>
    public static Tensor OnDevice(long[] shape, ulong key, double probability, Device device)
    {
        long count = 1;
        foreach (long size in shape) count *= size;
        Tensor counter = Scalars.Range(0, count, device: device);
        return Kernels.DropoutMask(counter, (uint)key, (uint)(key >> 32), Threshold(probability), (float)(1 / (1 - probability))).view(shape);
    }

    // 2^32 p, so that an element is dropped with a probability within 2^-32 of p.
    private static uint Threshold(double probability) => (uint)Math.Clamp(Math.Round(probability * 4294967296.0), 0, uint.MaxValue);

    private static void FillFrom(Span<float> mask, uint start, uint low, uint high, uint threshold, float kept)
    {
        int i = 0;
        if (Vector512.IsHardwareAccelerated)
        {
            Vector512<uint> lanes = Vector512<uint>.Indices + Vector512.Create(start);
            Vector512<uint> limit = Vector512.Create(threshold);
            Vector512<float> value = Vector512.Create(kept);
            for (; i <= mask.Length - 16; i += 16, lanes += Vector512.Create(16u))
            {
                Vector512<uint> random = Mix(lanes, low, high);
                (Vector512.GreaterThanOrEqual(random, limit).AsSingle() & value).CopyTo(mask[i..]);
            }
        }
        else if (Vector256.IsHardwareAccelerated)
        {
            Vector256<uint> lanes = Vector256<uint>.Indices + Vector256.Create(start);
            Vector256<uint> limit = Vector256.Create(threshold);
            Vector256<float> value = Vector256.Create(kept);
            for (; i <= mask.Length - 8; i += 8, lanes += Vector256.Create(8u))
            {
                Vector256<uint> random = Mix(lanes, low, high);
                (Vector256.GreaterThanOrEqual(random, limit).AsSingle() & value).CopyTo(mask[i..]);
            }
        }
        for (; i < mask.Length; i++) mask[i] = Mix(start + (uint)i, low, high) >= threshold ? kept : 0;
    }

    // The finalizer of MurmurHash3 (Appleby 2011), keyed before and between its two rounds.
    internal static uint Mix(uint counter, uint low, uint high)
    {
        uint x = counter * 0x9E3779B1u ^ low;
        x = (x ^ (x >> 16)) * 0x85EBCA6Bu;
        x = (x ^ (x >> 13)) * 0xC2B2AE35u;
        x = (x ^ (x >> 16)) + high;
        x = (x ^ (x >> 15)) * 0x2C1B3C6Du;
        x = (x ^ (x >> 12)) * 0x297A2D39u;
        return x ^ (x >> 15);
    }

    private static Vector512<uint> Mix(Vector512<uint> counter, uint low, uint high)
    {
        Vector512<uint> x = (counter * Vector512.Create(0x9E3779B1u)) ^ Vector512.Create(low);
        x = (x ^ (x >>> 16)) * Vector512.Create(0x85EBCA6Bu);
        x = (x ^ (x >>> 13)) * Vector512.Create(0xC2B2AE35u);
        x = (x ^ (x >>> 16)) + Vector512.Create(high);
        x = (x ^ (x >>> 15)) * Vector512.Create(0x2C1B3C6Du);
        x = (x ^ (x >>> 12)) * Vector512.Create(0x297A2D39u);
        return x ^ (x >>> 15);
    }

    private static Vector256<uint> Mix(Vector256<uint> counter, uint low, uint high)
    {
        Vector256<uint> x = (counter * Vector256.Create(0x9E3779B1u)) ^ Vector256.Create(low);
        x = (x ^ (x >>> 16)) * Vector256.Create(0x85EBCA6Bu);
        x = (x ^ (x >>> 13)) * Vector256.Create(0xC2B2AE35u);
        x = (x ^ (x >>> 16)) + Vector256.Create(high);
        x = (x ^ (x >>> 15)) * Vector256.Create(0x2C1B3C6Du);
        x = (x ^ (x >>> 12)) * Vector256.Create(0x297A2D39u);
        return x ^ (x >>> 15);
    }
}
