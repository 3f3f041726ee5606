using System.Text.Json.Serialization;

namespace FineTuning.Training;

/// <summary>Where checkpoints of a run go, and from which one the run goes on. It is no part of what is learned.</summary>
/// <param name="Folder">Where to; null: none are written.</param>
/// <param name="Every">Steps between two checkpoints.</param>
/// <param name="KeepLast">How many of the newest are kept.</param>
/// <param name="KeepBest">How many of those with the best evaluations are kept besides.</param>
internal sealed record CheckpointSettings(string? Folder, long Every = 500, int KeepLast = 2, int KeepBest = 0) : RunFeature
{
    /// <summary>What the run goes on from; null: it begins.</summary>
    public CheckpointOrigin? Origin { get; init; }

    [JsonIgnore]
    internal ICheckpointDisk Disk { get; init; } = LocalDisk.Instance;

    /// <summary>Whether the run waits for each checkpoint: then it is known at which steps there are some.</summary>
    [JsonIgnore]
    internal bool Waits { get; init; }

    internal override bool ChangesTheResult => false;

    internal override bool CanResume => true;

    internal override LoopFeature Start() => new RunCheckpoints(this);

    internal override void CollectViolations(List<string> violations, bool hasValidation)
    {
        if (Folder is not null && string.IsNullOrWhiteSpace(Folder)) violations.Add("the folder of the checkpoints is empty: name one");
        if (Folder is null && Origin is null) violations.Add("Resume() has no folder: name it with CheckpointTo(...) or ResumeFrom(...)");
        if (Every < 1) violations.Add($"checkpoints are {Every} steps apart: it takes 1 or more");
        if (KeepLast is not (>= 1 and <= 1_000_000)) violations.Add($"the newest {KeepLast} checkpoints are kept: it is from 1 to 1,000,000");
        if (KeepBest is not (>= 0 and <= 1_000_000)) violations.Add($"the best {KeepBest} checkpoints are kept: it is from 0 to 1,000,000");
        if (Folder is not null && !IsOrigin(Folder) && new CheckpointFolder(Folder, Disk).Steps() is { Count: > 0 } steps)
        {
            violations.Add($"{Folder} holds checkpoints of a run, up to step {steps[^1]}: go on from them with Resume(), or choose another folder");
        }
        if (KeepBest > 0 && !hasValidation) violations.Add("the best checkpoints are kept without validation data: add ValidateOn(...)");
    }

    /// <summary>Whether the run goes on from a checkpoint in that folder.</summary>
    internal bool IsOrigin(string folder) => Origin is not null && Path.GetFullPath(Origin.Folder) == Path.GetFullPath(folder);

    internal override void CollectConflicts(List<string> violations, TrainingOptions recipe) =>
        violations.AddRange(recipe.Features.Where(feature => !feature.CanResume)
            .Select(feature => $"{feature.GetType().Name} cannot be continued from a checkpoint: leave out CheckpointTo, or it"));
}

/// <summary>The checkpoint that a run goes on from.</summary>
/// <param name="Folder">The folder that holds checkpoints.</param>
/// <param name="Step">Which one; null: the newest that is whole.</param>
/// <param name="Accepted">What may differ.</param>
/// <param name="IsRequired">Whether there must be one; else the run begins where there is none.</param>
internal sealed record CheckpointOrigin(string Folder, long? Step, AcceptedChanges Accepted, bool IsRequired);
