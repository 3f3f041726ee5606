using System.Security.Cryptography;
using System.Text;
using FineTuning.Tensors;
using TorchSharp;
using static TorchSharp.torch;

namespace FineTuning.Models;

/// <summary>A hash of names, shapes, types and values of all weights.</summary>
internal static class WeightHash
{
    private const int Digits = 16;

    /// <summary>With how many numbers it is of, to read.</summary>
    public static string Of(WeightSet weights) => Shown(weights.ParameterCount(), Digest(weights));

    /// <summary>The hash of all weights, and that of some, each number read once.</summary>
    public static (string All, string Some) Of(WeightSet weights, Func<Weight, bool> isSome)
    {
        Weight[] all = [.. weights];
        byte[][] hashes = Each(all);
        long count = all.Where(isSome).Sum(weight => weight.Value.numel());
        return (Shown(weights.ParameterCount(), Joined(hashes)), Shown(count, Joined([.. hashes.Where((_, i) => isSome(all[i]))])));
    }

    /// <summary>All 32 bytes of it.</summary>
    public static byte[] Digest(IReadOnlyList<Weight> weights)
    {
        return Joined(Each([.. weights]));
    }

    private static string Shown(long count, byte[] hash) => $"{count:N0} numbers, hash {Convert.ToHexStringLower(hash)[..Digits]}";

    private static byte[][] Each(Weight[] weights)
    {
        var hashes = new byte[weights.Length][];
        Parallel.For(0, weights.Length, i => hashes[i] = HashOf(weights[i]));
        return hashes;
    }

    private static byte[] Joined(byte[][] hashes)
    {
        using var whole = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (byte[] hash in hashes) whole.AppendData(hash);
        return whole.GetCurrentHash();
    }

    private static unsafe byte[] HashOf(Weight weight)
    {
        using var scope = NewDisposeScope();
        using var gradients = no_grad();
        Tensor value = weight.Value.detach().cpu().contiguous();
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(Encoding.UTF8.GetBytes($"{weight.Name}|{value.dtype}|{string.Join(",", value.shape)}|"));
        long size = value.numel() * value.element_size();
        var source = (byte*)value.DataPointer();
        for (long done = 0; done < size;)
        {
            int count = (int)Math.Min(size - done, 1 << 24);
            hash.AppendData(new ReadOnlySpan<byte>(source + done, count));
            done += count;
        }
        return hash.GetCurrentHash();
    }
}
