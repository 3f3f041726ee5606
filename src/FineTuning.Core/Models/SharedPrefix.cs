using FineTuning.Tensors;
using static TorchSharp.torch;

namespace FineTuning.Models;

/// <summary>
/// A prefix that all names of a file share and that the family does not know: a wrapper was saved with its model inside (<c>module.</c> of data-parallel
/// training, <c>_orig_mod.</c> of torch.compile, <c>model.</c> of a training framework).
/// </summary>
internal static class SharedPrefix
{
    /// <summary>The prefix with its last dot. Empty: there is none.</summary>
    /// <param name="names">All names.</param>
    /// <param name="isOwn">Whether one of the family's own names begins with a segment.</param>
    public static string Of(IReadOnlyCollection<string> names, Func<string, bool> isOwn)
    {
        if (names.Count == 0) return "";
        string first = names.First();
        int length = 0;
        while (first.IndexOf('.', length) is >= 0 and int dot && !isOwn(first[length..dot])
            && names.All(name => string.CompareOrdinal(name, 0, first, 0, dot + 1) == 0))
            length = dot + 1;
        return first[..length];
    }

    /// <summary>The tensors under their names without the prefix.</summary>
    public static ITensorSource Without(ITensorSource source, string prefix) => prefix.Length == 0 ? source : new Unwrapped(source, prefix);

    /// <summary>The report with the names that are in the file.</summary>
    public static LoadReport Restored(LoadReport report, string prefix) => prefix.Length == 0 ? report
        : new([.. report.Mapped.Select(name => prefix + name)], report.Fresh, [.. report.Ignored.Select(name => prefix + name)]) { SharedPrefix = prefix };

    private sealed class Unwrapped(ITensorSource source, string prefix) : ITensorSource
    {
        public IReadOnlyDictionary<string, StoredTensor> Tensors { get; } =
            source.Tensors.ToDictionary(pair => pair.Key[prefix.Length..], pair => pair.Value, StringComparer.Ordinal);

        public Tensor Read(string name) => source.Read(prefix + name);

        public Tensor ReadAs(string name, ScalarType type) => source.ReadAs(prefix + name, type);

        public void Dispose() => source.Dispose();
    }
}
