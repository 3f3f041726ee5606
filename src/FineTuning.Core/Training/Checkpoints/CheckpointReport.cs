namespace FineTuning.Training;

/// <summary>What became of one checkpoint.</summary>
/// <remarks>Immutable and thread-safe.</remarks>
public sealed class CheckpointReport
{
    internal CheckpointReport(long step, string folder, TimeSpan delay) => (Step, Folder, Delay) = (step, folder, delay);

    /// <summary>The optimizer steps done at that time.</summary>
    public long Step { get; }

    /// <summary>Where it is, or was to be.</summary>
    public string Folder { get; }

    /// <summary>Its size in bytes; 0 where it failed.</summary>
    public long Bytes { get; internal init; }

    /// <summary>How long the run stood still for it: the time of copying the state.</summary>
    public TimeSpan Delay { get; }

    /// <summary>How long it took to write, beside the run.</summary>
    public TimeSpan Writing { get; internal init; }

    /// <summary>Why it, or the deletion of an older one, failed; null: all is well.</summary>
    public string? Problem { get; internal init; }
}
