using FineTuning.Models;
using FineTuning.Tasks;
using FineTuning.Training;
using Xunit;

namespace FineTuning.Tests.Training;

/// <summary>Thrown where a process would be killed.</summary>
internal sealed class KilledException : Exception;

/// <summary>A disk that nothing is written to any more once the process is killed.</summary>
internal sealed class KillableDisk : ICheckpointDisk
{
    private volatile bool _isDead;

    public void Kill() => _isDead = true;

    public long? FreeSpace(string folder) => LocalDisk.Instance.FreeSpace(folder);

    public void CreateFolder(string folder) => Living().CreateFolder(folder);

    public Stream CreateFile(string path) => Living().CreateFile(path);

    public void Sync(Stream file) => Living().Sync(file);

    public void SyncFolder(string folder) => Living().SyncFolder(folder);

    public void Rename(string from, string to) => Living().Rename(from, to);

    public void DeleteFile(string path) => Living().DeleteFile(path);

    public void DeleteFolder(string folder) => Living().DeleteFolder(folder);

    private LocalDisk Living() => _isDead ? throw new IOException("the process was killed") : LocalDisk.Instance;
}

/// <summary>
/// The law of resuming: a run that is killed after a step goes on from the checkpoint of an earlier one, with a new tuner and a model that is loaded from the
/// base folder, and ends with the bits of a run that was never interrupted.
/// </summary>
internal static class KilledRun
{
    public static string NewFolder() => Path.Combine(Path.GetTempPath(), $"run-{Guid.NewGuid():N}");

    /// <param name="open">Loads the base.</param>
    /// <param name="recipe">The same for all runs.</param>
    /// <param name="data">Trained on.</param>
    /// <param name="every">Steps between checkpoints.</param>
    /// <param name="kill">The run is killed after this step, once the last checkpoint before it is written.</param>
    public static TrainingResult AssertSame<TExample>(
        Func<TunableModel<TExample>> open, Func<FineTuner<TExample>, FineTuner<TExample>> recipe, IReadOnlyList<TExample> data, long every, long kill)
    {
        string folder = NewFolder();
        try
        {
            (TrainingResult expected, string weights) = Whole(open, recipe, data);
            long from = (kill - 1) / every * every;
            using (TunableModel<TExample> model = open())
            {
                var disk = new KillableDisk();
                Assert.Throws<KilledException>(() => recipe(FineTuner.For(model)).CheckpointTo(folder, every).WithCheckpoints(settings => settings with { Disk = disk, Waits = true })
                    .OnProgress(progress =>
                    {
                        if (progress.Phase != TrainingPhase.Training || progress.Step != kill) return;
                        disk.Kill();
                        throw new KilledException();
                    }).Train(data));
            }
            Assert.Equal(from > 0, Directory.Exists(PathOf(folder, from)));
            using TunableModel<TExample> fresh = open();
            TrainingResult actual = recipe(FineTuner.For(fresh)).CheckpointTo(folder, every).Resume().Train(data);
            Assert.Equal(weights, WeightHash.Of(fresh.Weights));
            AssertSame(expected, actual);
            Assert.True(Directory.Exists(PathOf(folder, actual.Steps)), "the end of the run has no checkpoint");
            return actual;
        }
        finally
        {
            if (Directory.Exists(folder)) Directory.Delete(folder, recursive: true);
        }
    }

    public static (TrainingResult Result, string Weights) Whole<TExample>(
        Func<TunableModel<TExample>> open, Func<FineTuner<TExample>, FineTuner<TExample>> recipe, IReadOnlyList<TExample> data)
    {
        using TunableModel<TExample> model = open();
        TrainingResult result = recipe(FineTuner.For(model)).Train(data);
        return (result, WeightHash.Of(model.Weights));
    }

    public static void AssertSame(TrainingResult expected, TrainingResult actual)
    {
        Assert.Equal(expected.History, actual.History);
        Assert.Equal(expected.SmoothedLoss, actual.SmoothedLoss);
        Assert.Equal(expected.Evaluations.Select(Numbers), actual.Evaluations.Select(Numbers));
        Assert.Equal(expected.Best is null ? "" : Numbers(expected.Best), actual.Best is null ? "" : Numbers(actual.Best));
        Assert.Equal(
            (expected.Steps, expected.Tokens, expected.PaddingShare, expected.StopReason), (actual.Steps, actual.Tokens, actual.PaddingShare, actual.StopReason));
        Assert.Equal(expected.Warnings, actual.Warnings);
        Assert.Equal(expected.Parameters, actual.Parameters);
    }

    public static string PathOf(string folder, long step) => new CheckpointFolder(folder, LocalDisk.Instance).PathOf(step);

    private static string Numbers(EvaluationRecord record) =>
        $"{record.Step} {record.Epoch:R} {record.TrainingLoss:R} {record.IsBest} {string.Join(" ", record.Metrics.Values.Select(pair => $"{pair.Key}={pair.Value:R}"))} "
        + $"{string.Join(" ", record.Metrics.Classes.Select(scores => $"{scores.Label} {scores.F1:R} {scores.Support:R}"))} {Counts(record)} {record.Metrics.Reading}";

    private static string Counts(EvaluationRecord record) => record.Metrics.Confusion is { } confusion
        ? string.Join(" ", confusion.Counted) + string.Join(",", confusion.Labels) : "";
}
