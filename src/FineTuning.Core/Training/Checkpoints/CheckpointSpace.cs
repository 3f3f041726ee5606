using FineTuning.Errors;

namespace FineTuning.Training;

/// <summary>How much disk the checkpoints of a run need.</summary>
internal static class CheckpointSpace
{
    // History, evaluations and headers.
    private const long Besides = 1 << 20;

    /// <summary>The size of one checkpoint, at most: weights that train, the optimizer's moments, the best weights, and what features keep.</summary>
    public static long Forecast(RunParts run) => Besides + Snapshot(run);

    /// <summary>The copy of the state that a checkpoint is written from, beside the run.</summary>
    public static long Snapshot(RunParts run)
    {
        long weights = run.Trained.Sum(weight => weight.Value.numel() * weight.Value.element_size());
        bool keepsBest = run.Options.KeepBest && run.Record.Rows.Validation is not null;
        long moments = run.Trained.Sum(weight => run.Options.Optimizer.MomentCount(weight) * weight.Value.element_size());
        int copies = 1 + (keepsBest ? 1 : 0) + run.Options.Features.Sum(feature => feature.WeightCopies);
        return moments + (weights * copies);
    }

    /// <summary>Checks that all fit that are kept, and the one that is being written.</summary>
    /// <exception cref="InvalidOptionsException">They do not.</exception>
    public static void Require(CheckpointSettings settings, RunParts run, int existing)
    {
        long size = Forecast(run), most = Math.Max(1, 1L + settings.KeepLast + settings.KeepBest - existing);
        long longest = Math.Max(1, (run.Record.Length.TotalSteps / settings.Every) + 1);
        long needed = size * Math.Min(most, longest);
        if (settings.Disk.FreeSpace(settings.Folder!) is { } free && free < needed)
        {
            throw new InvalidOptionsException([$"checkpoints need {Megabytes(needed)} MB ({Megabytes(size)} MB each) in {settings.Folder}, where "
                + $"{Megabytes(free)} MB are free: keep fewer, choose another disk, or train fewer weights"]);
        }
    }

    private static long Megabytes(long bytes) => (bytes + (1 << 20) - 1) >> 20;
}
