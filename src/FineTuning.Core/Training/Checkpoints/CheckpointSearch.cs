using FineTuning.Errors;

namespace FineTuning.Training;

/// <summary>Finds the checkpoint that a run goes on from, and refuses it where the run is another.</summary>
internal static class CheckpointSearch
{
    /// <summary>The newest checkpoint that is whole, or the one that was asked for.</summary>
    /// <param name="origin">Where, which, and what may differ.</param>
    /// <param name="run">Rehearsed, not yet begun.</param>
    /// <param name="fingerprint">The run's own.</param>
    /// <returns>A state that fits the run, which the caller disposes, or null: there is none, and the run begins; and the fingerprint that its checkpoints
    /// carry.</returns>
    /// <exception cref="CheckpointException">There is none that is whole, and there must be one.</exception>
    /// <exception cref="InvalidOptionsException">The run is another: each difference is named, with both values.</exception>
    public static (RunState? State, RunFingerprint Fingerprint) Find(CheckpointOrigin origin, RunParts run, RunFingerprint fingerprint)
    {
        var folder = new CheckpointFolder(origin.Folder, LocalDisk.Instance);
        List<string> damaged = [];
        foreach (long step in folder.Steps().Reverse().Where(step => origin.Step is null || step == origin.Step))
        {
            (RunState State, RunFingerprint Fingerprint) found;
            try
            {
                found = StateFiles.Read(folder.PathOf(step), step);
            }
            catch (Exception failure) when (failure is CheckpointException or IOException or UnauthorizedAccessException)
            {
                damaged.Add(failure.Message);
                continue;
            }
            try
            {
                (RunState, RunFingerprint) accepted = Accept(origin, run, found, fingerprint.WithKnownBeginning(run.Model.Weights.Identity, origin.Folder));
                foreach (string problem in damaged) run.Record.Warn($"a checkpoint was passed over: {problem}");
                return accepted;
            }
            catch
            {
                found.State.Dispose();
                throw;
            }
        }
        if (!origin.IsRequired)
        {
            foreach (string problem in damaged) run.Record.Warn($"the run begins anew, since no checkpoint is whole: {problem}");
            return (null, fingerprint);
        }
        string wanted = origin.Step is { } wish ? $"it holds no whole checkpoint of step {wish}; there are {string.Join(", ", folder.Steps())}"
            : "it holds no whole checkpoint";
        throw new CheckpointException(origin.Folder, damaged.Count == 0 ? wanted : $"{wanted}: {string.Join("; ", damaged)}");
    }

    private static (RunState State, RunFingerprint Fingerprint) Accept(
        CheckpointOrigin origin, RunParts run, (RunState State, RunFingerprint Fingerprint) found, RunFingerprint fingerprint)
    {
        IReadOnlyList<string> recipe = RecipeDifference.Of(found.State.Recipe, run.Options);
        (AcceptedChanges Kind, string Text)[] differences =
            [.. recipe.Select(text => (AcceptedChanges.Recipe, text)), .. fingerprint.DifferencesFrom(found.Fingerprint, sameRecipe: recipe.Count == 0)];
        string[] refused = [.. differences.Where(difference => !origin.Accepted.HasFlag(difference.Kind))
            .Select(difference => $"{origin.Folder} is of another run: {difference.Text} (to go on all the same, "
                + $"accept {nameof(AcceptedChanges)}.{difference.Kind})")];
        if (refused.Length > 0) throw new InvalidOptionsException(refused);
        if (differences.Length == 0) return found;
        foreach ((_, string text) in differences) run.Record.Warn($"the run goes on from a checkpoint of another: {text}");
        return (ForkedState.Fit(found.State, run, sameValidation: fingerprint.ValidationData == found.Fingerprint.ValidationData), fingerprint);
    }
}
