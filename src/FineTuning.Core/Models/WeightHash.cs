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
    public static string Of(WeightSet weights) =>
        $"{weights.ParameterCount():N0} numbers, hash {Convert.ToHexStringLower(Digest(weights))[..Digits]}";

    /// <summary>All 32 bytes of it.</summary>
    public static byte[] Digest(IReadOnlyList<Weight> weights)
    {
        Weight[] all = [.. weights];
        var hashes = new byte[all.Length][];
        Parallel.For(0, all.Length, i => hashes[i] = HashOf(all[i]));
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
