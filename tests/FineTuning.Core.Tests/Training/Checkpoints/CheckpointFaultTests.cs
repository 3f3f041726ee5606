using FineTuning.Models;
using FineTuning.Training;
using Xunit;

namespace FineTuning.Tests.Training;

/// <summary>
/// Every operation of the disk fails in turn, in every way, while a run writes its checkpoints and while another goes on from them: the run goes on where the process does,
/// a checkpoint that was reported is never lost, and what goes on from the folder ends with the right weights. FINETUNING_EXHAUSTIVE=1 takes all operations, else every seventh.
/// </summary>
public sealed class CheckpointFaultTests
{
    private const int Sampled = 7, StepsOfARun = 4, KilledAfter = 2;
    private static readonly bool IsExhaustive = Environment.GetEnvironmentVariable("FINETUNING_EXHAUSTIVE") == "1";

    public static TheoryData<string, bool> All => [.. from fault in Enum.GetNames<Fault>() from resumes in new[] { false, true } select (fault, resumes)];

    [Theory]
    [MemberData(nameof(All))]
    public void No_fault_loses_a_checkpoint_or_changes_the_weights(string name, bool resumes)
    {
        var fault = Enum.Parse<Fault>(name);
        string weights = KilledRun.Whole(TinyRun.Model, Recipe, TinyRun.Data(10)).Weights, template = KilledRun.NewFolder();
        try
        {
            if (resumes) WriteUntil(template, KilledAfter);
            int step = IsExhaustive ? 1 : Sampled, faults = 0;
            for (int operation = 1 + ((int)fault % step); Once(fault, operation, resumes ? template : null, weights); operation += step) faults++;
            Assert.True(faults > 10, $"{faults} faults");
        }
        finally
        {
            if (Directory.Exists(template)) Directory.Delete(template, recursive: true);
        }
    }

    [Fact]
    public void Without_a_fault_everything_that_is_reported_is_synced()
    {
        string folder = KilledRun.NewFolder();
        try
        {
            Directory.CreateDirectory(folder);
            var disk = new SimulatedDisk(folder, Fault.LosesUnsynced, int.MaxValue);
            using (RowsClassifier model = TinyRun.Model()) Tuner(model, folder, disk).Train(TinyRun.Data(10));
            disk.LosePower();
            Assert.Equal(StepsOfARun, NewestWhole(folder));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    /// <returns>Whether the operation was reached.</returns>
    private static bool Once(Fault fault, int operation, string? template, string weights)
    {
        string folder = KilledRun.NewFolder();
        try
        {
            Directory.CreateDirectory(folder);
            if (template is not null) Copy(template, folder);
            var disk = new SimulatedDisk(folder, fault, operation);
            disk.TakeOver();
            long reported = NewestWhole(folder);
            using (RowsClassifier model = TinyRun.Model())
            {
                FineTuner<IdsWithLabel> tuner = Tuner(model, folder, disk).OnCheckpoint(report => reported = report.Bytes > 0 ? report.Step : reported);
                if (template is not null) tuner = tuner.Resume();
                if (SimulatedDisk.IsPowerLoss(fault)) Record.Exception(() => tuner.Train(TinyRun.Data(10)));
                else
                {
                    TrainingResult result = tuner.Train(TinyRun.Data(10));
                    Assert.Equal(weights, WeightHash.Of(model.Weights));
                    // A fault while clearing away what failed has a warning already.
                    if (disk.HasFailed) Assert.Contains(result.Warnings, warning => warning.Contains("checkpoint", StringComparison.Ordinal));
                }
            }
            if (SimulatedDisk.IsPowerLoss(fault)) disk.LosePower();
            Assert.True(NewestWhole(folder) >= reported, $"{fault} at operation {operation}: the checkpoint of step {reported} was reported, the newest whole one is {NewestWhole(folder)}");
            using RowsClassifier fresh = TinyRun.Model();
            TrainingResult resumed = Recipe(FineTuner.For(fresh)).CheckpointTo(folder, 1, keepLast: 1).Resume().Train(TinyRun.Data(10));
            Assert.Equal(StepsOfARun, resumed.Steps);
            Assert.Equal(weights, WeightHash.Of(fresh.Weights));
            Assert.Equal(StepsOfARun, NewestWhole(folder));
            return disk.HasFailed;
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    // Little is written, so that every operation can fail.
    private static FineTuner<IdsWithLabel> Recipe(FineTuner<IdsWithLabel> tuner) => tuner.WithOptimizer(Optimizer.AdamW(1e-2)).Steps(StepsOfARun).BatchSize(4)
        .Freeze(weights => weights.Trunk()).ValidateOn(TinyRun.Data(6, 2)).EvaluateEvery(EvaluationInterval.Steps(2));

    private static FineTuner<IdsWithLabel> Tuner(RowsClassifier model, string folder, ICheckpointDisk disk) => Recipe(FineTuner.For(model)).CheckpointTo(folder, 1, keepLast: 1)
        .WithCheckpoints(settings => settings with { Disk = disk, Waits = true });

    private static void WriteUntil(string folder, int kill)
    {
        using RowsClassifier model = TinyRun.Model();
        var disk = new KillableDisk();
        Assert.Throws<KilledException>(() => Tuner(model, folder, disk).OnProgress(progress =>
        {
            if (progress.Phase != TrainingPhase.Training || progress.Step != kill + 1) return;
            disk.Kill();
            throw new KilledException();
        }).Train(TinyRun.Data(10)));
        Assert.Equal(kill, NewestWhole(folder));
    }

    private static long NewestWhole(string folder)
    {
        var checkpoints = new CheckpointFolder(folder, LocalDisk.Instance);
        foreach (long step in checkpoints.Steps().Reverse())
        {
            if (Record.Exception(() => StateFiles.Read(checkpoints.PathOf(step), step).State.Dispose()) is null) return step;
        }
        return 0;
    }

    private static void Copy(string from, string to)
    {
        foreach (string folder in Directory.GetDirectories(from))
        {
            string target = Directory.CreateDirectory(Path.Combine(to, Path.GetFileName(folder))).FullName;
            foreach (string file in Directory.GetFiles(folder)) File.Copy(file, Path.Combine(target, Path.GetFileName(file)));
        }
    }
}
