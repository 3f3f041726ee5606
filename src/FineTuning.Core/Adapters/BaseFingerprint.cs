using System.Security.Cryptography;
using FineTuning.Errors;
using FineTuning.Models;
using TorchSharp;
using static FineTuning.Tensors.Scalars;
using static TorchSharp.torch;

namespace FineTuning.Adapters;

/// <summary>Tells an adapter's base from others of the same shapes: digests of its first token embeddings and of its norms, in the file's metadata.</summary>
/// <remarks>In bfloat16, so that the same checkpoint is the same base in whatever type or quantisation it is loaded.</remarks>
internal static class BaseFingerprint
{
    private const string Key = "finetuning_base";
    private const long RowsSeen = 64;

    /// <summary>The metadata of an adapter's file.</summary>
    public static Dictionary<string, string> Mark(OutputHead head) => new() { ["format"] = "pt", [Key] = Of(head) };

    /// <exception cref="CheckpointException">The file names another base.</exception>
    public static void Require(IReadOnlyDictionary<string, string> metadata, OutputHead head, string file)
    {
        if (!metadata.TryGetValue(Key, out string? stored)) return;
        string own = Of(head);
        if (stored == own) return;
        string[] theirs = stored.Split('-'), ours = own.Split('-');
        string what = theirs.Length == 2 && theirs[0] == ours[0] ? "norms" : $"token embeddings ('{head.Trunk.TokenTable.Path}')";
        throw new CheckpointException(file, $"the adapter was made on another base: the model's {what} are others than those that it was trained with. " +
            $"Load it " +
            $"into its own base, or, if the base was changed on purpose, with anyBase: true");
    }

    private static string Of(OutputHead head)
    {
        using var scope = NewDisposeScope();
        using var gradients = no_grad();
        Tensor table = head.Trunk.TokenTable.Weight.Own;
        string tokens = Digest([table.narrow(0, 0, Math.Min(RowsSeen, table.shape[0]))]);
        return $"{tokens}-{Digest(head.Trunk.Weights.Where(weight => weight.Kind == WeightKind.Norm).Select(weight => weight.Own))}";
    }

    private static string Digest(IEnumerable<Tensor> values)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (Tensor value in values) hash.AppendData(value.detach().to(ScalarType.BFloat16).cpu().contiguous().bytes);
        return System.Convert.ToHexStringLower(hash.GetHashAndReset().AsSpan(0, 8));
    }
}
