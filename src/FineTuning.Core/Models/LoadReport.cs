namespace FineTuning.Models;

/// <summary>What became of every tensor when a checkpoint was opened.</summary>
/// <remarks>Immutable.</remarks>
public sealed class LoadReport
{
    internal LoadReport(IReadOnlyList<string> mapped, IReadOnlyList<string> fresh, IReadOnlyList<string> ignored) =>
        (Mapped, Fresh, Ignored) = (mapped, fresh, ignored);

    /// <summary>The checkpoint's tensors that were read, by their names in the files.</summary>
    public IReadOnlyList<string> Mapped { get; }

    /// <summary>Tensors that the checkpoint does not have and that were drawn at random: only the head's.</summary>
    public IReadOnlyList<string> Fresh { get; }

    /// <summary>The checkpoint's tensors that this model does not need: other heads, old buffers.</summary>
    public IReadOnlyList<string> Ignored { get; }

    /// <summary>
    /// What precedes all names in the files, of a wrapper that was saved with its model inside (<c>module.</c>, <c>_orig_mod.</c>). Empty: nothing.
    /// It is not kept on saving.
    /// </summary>
    public string SharedPrefix { get; internal init; } = "";

    /// <inheritdoc/>
    public override string ToString() =>
        $"{(SharedPrefix.Length == 0 ? "" : $"all names begin with '{SharedPrefix}'; ")}{Mapped.Count} tensors read; "
            + $"{(Fresh.Count == 0 ? "none" : string.Join(", ", Fresh))} fresh; {(Ignored.Count == 0 ? "none" : string.Join(", ", Ignored))} ignored";
}
