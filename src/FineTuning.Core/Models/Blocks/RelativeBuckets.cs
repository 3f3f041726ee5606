using FineTuning.Tensors;
using TorchSharp;
using static FineTuning.Tensors.Scalars;
using static TorchSharp.torch;

namespace FineTuning.Models;

/// <summary>Distances between tokens as rows of a table: near ones each have their own, far ones share by their logarithm.</summary>
internal static class RelativeBuckets
{
    /// <summary>T5's buckets (Raffel et al. 2020, section 2.1), which MPNet shares.</summary>
    /// <param name="past">How many keys stand before the first query.</param>
    /// <param name="queries">How many tokens look; as many are looked at beside the past.</param>
    /// <param name="buckets">How many buckets there are, both sides together.</param>
    /// <param name="farthest">The distance from which on all fall into the last bucket.</param>
    /// <param name="bothSides">Whether keys after the query have buckets of their own (encoders) or count as distance 0 (decoders).</param>
    /// <param name="device">Where they go.</param>
    /// <returns>[queries, past + queries], int64, from 0 to buckets - 1</returns>
    public static Tensor OfBias(long past, long queries, long buckets, long farthest, bool bothSides, Device device)
    {
        Tensor ahead = Range(0, past + queries, device: device).unsqueeze(0) - Range(past, past + queries, device: device).unsqueeze(1);
        long side = bothSides ? buckets / 2 : buckets, exact = side / 2;
        Tensor distance = bothSides ? ahead.abs() : ahead.clamp_max(Held(0)).neg();
        Tensor far = (distance.clamp_min(Held(1)).to(ScalarType.Float32) / Held((float)exact)).log() / Held(
            Math.Log((double)farthest / exact)) * Held(side - exact);
        Tensor bucket = distance.where(distance.lt(Held(exact)), far.to(ScalarType.Int64).Plus(exact).clamp_max(Held(side - 1)));
        return bothSides ? bucket.Plus(ahead.gt(Held(0)).to(ScalarType.Int64) * Held(side)) : bucket;
    }

    /// <summary>DeBERTa's signed buckets of query position minus key position (He et al. 2021, equation 3; logarithmic in the second version).</summary>
    /// <param name="queries">How many tokens look.</param>
    /// <param name="keys">How many are looked at.</param>
    /// <param name="buckets">Buckets a side; 0: the distances themselves.</param>
    /// <param name="farthest">The largest distance that is told apart.</param>
    /// <param name="device">Where they go.</param>
    /// <returns>[queries, keys], int64</returns>
    public static Tensor Signed(long queries, long keys, long buckets, long farthest, Device device)
    {
        Tensor distance = Range(0, queries, device: device).unsqueeze(1) - Range(0, keys, device: device).unsqueeze(0);
        if (buckets == 0) return distance;
        long middle = buckets / 2;
        Tensor size = distance.abs().clamp_min(Held(middle - 1));
        // The order of the operations is the reference's: another one rounds to another bucket at the edges.
        Tensor ratio = (size.to(ScalarType.Float32) / Held((float)middle)).log() / tensor(
            (float)((farthest - 1) / (double)middle), ScalarType.Float32, device).log();
        Tensor far = (ratio * Held(middle - 1)).ceil().Plus(middle);
        return distance.where(size.le(Held(middle)), (far * distance.sign().to(ScalarType.Float32)).to(ScalarType.Int64));
    }
}
