namespace FineTuning.Training;

/// <summary>What became of one checkpoint.</summary>
/// <remarks>Immutable.</remarks>
/// <param name="Step">The optimizer steps done at that time.</param>
/// <param name="Folder">Where it is, or was to be.</param>
/// <param name="Bytes">Its size; 0 where it failed.</param>
/// <param name="Delay">How long the run stood still for it: the time of copying the state.</param>
/// <param name="Writing">How long it took to write, beside the run.</param>
/// <param name="Problem">Why it could not be written; null: it is whole and on the disk.</param>
public sealed record CheckpointReport(long Step, string Folder, long Bytes, TimeSpan Delay, TimeSpan Writing, string? Problem);
