using System.Text.Json.Serialization;
using FineTuning.Errors;
using FineTuning.Tasks;

namespace FineTuning.Training;

/// <summary>The rows of a run's training data lie in a file, so that data of any size is trained on. It is no part of what is learned.</summary>
/// <param name="Folder">Where; null: beside the checkpoints.</param>
internal sealed record RowKeeping(string? Folder) : RunFeature
{
    private const string BesideCheckpoints = "rows";

    [JsonIgnore]
    internal ICheckpointDisk Disk { get; init; } = LocalDisk.Instance;

    internal override bool ChangesTheResult => false;

    internal override bool CanResume => true;

    /// <summary>How a recipe keeps rows, its folder named. Null: it keeps them in memory.</summary>
    public static RowKeeping? Of(TrainingOptions recipe) =>
        recipe.Features.OfType<RowKeeping>().FirstOrDefault() is { } keeping ? keeping with { Folder = keeping.FolderIn(recipe) } : null;

    internal override LoopFeature Start() => new Nothing();

    internal override void Prepare(TunableModel model)
    {
        if (model.RowFormat is null)
            throw new InvalidOptionsException([$"the rows of {model.GetType().Name} cannot be kept in a file (KeepRowsOnDisk): they are compared with each "
                + "other or changed as a whole, or are of a type of your own; leave it out, or choose settings without that"]);
    }

    internal override void CollectConflicts(List<string> violations, TrainingOptions recipe)
    {
        if (FolderIn(recipe) is not { } folder) violations.Add("KeepRowsOnDisk() has no folder: name it, or call CheckpointTo(...)");
        else if (string.IsNullOrWhiteSpace(folder)) violations.Add("the folder of the rows is empty: name one");
    }

    private string? FolderIn(TrainingOptions recipe) =>
        Folder ?? (recipe.Features.OfType<CheckpointSettings>().FirstOrDefault()?.Folder is { } beside ? Path.Combine(beside, BesideCheckpoints) : null);

    private sealed class Nothing : LoopFeature;
}
