using FineTuning.Errors;
using FineTuning.Models;
using FineTuning.Tensors;
using FineTuning.Training;
using Xunit;

namespace FineTuning.Tests.Training;

/// <summary>What is written, kept, detected, refused and branched off from.</summary>
public sealed class CheckpointTests : IDisposable
{
    private readonly string _folder = KilledRun.NewFolder(), _other = KilledRun.NewFolder();

    public void Dispose()
    {
        foreach (string folder in new[] { _folder, _other })
        {
            if (Directory.Exists(folder)) Directory.Delete(folder, recursive: true);
        }
    }

    [Fact]
    public void The_newest_and_the_best_are_kept_and_foreign_files_are_left_alone()
    {
        Directory.CreateDirectory(_folder);
        File.WriteAllText(Path.Combine(_folder, "notes.txt"), "mine");
        Directory.CreateDirectory(Path.Combine(_folder, "step-mine"));
        Directory.CreateDirectory(Path.Combine(_folder, ".finetuning-checkpoint-0123456789abcdef0123456789abcdef"));
        var reports = new List<CheckpointReport>();
        using RowsClassifier model = TinyRun.Model();
        TrainingResult result = Recipe(model).CheckpointTo(_folder, 2, keepLast: 2, keepBest: 1).WithCheckpoints(settings => settings with { Waits = true })
            .OnCheckpoint(reports.Add).EvaluateEvery(EvaluationInterval.Steps(2)).Train(TinyRun.Data(10));
        Assert.Equal([2, 4, 6, 8, 10, 12], reports.Select(report => report.Step));
        Assert.All(reports, report => Assert.Null(report.Problem));
        EvaluationRecord best = result.Evaluations.OrderByDescending(entry => entry.Metrics["accuracy"]).ThenBy(entry => entry.Step).First();
        long[] expected = [.. new[] { 10L, 12L, best.Step }.Distinct().Order()];
        Assert.Equal(expected, Steps(_folder));
        Assert.Equal(KilledRun.PathOf(_folder, 12), result.Checkpoint);
        string[] others = [.. Directory.GetFileSystemEntries(_folder).Select(entry => Path.GetFileName(entry)!).Where(name => !name.StartsWith("step-0", StringComparison.Ordinal)).Order()];
        Assert.Equal([".finetuning-run.lock", "notes.txt", "step-mine"], others);
    }

    [Fact]
    public void Only_what_trains_is_written_and_the_files_are_safetensors_and_json()
    {
        using RowsClassifier model = TinyRun.Model();
        Recipe(model).Freeze(weights => weights.Trunk()).WithWeightAverage(0.9).CheckpointTo(_folder, 4).Train(TinyRun.Data(10));
        string folder = KilledRun.PathOf(_folder, 12);
        Assert.Equal(["average.safetensors", "best.safetensors", "manifest.json", "optimizer.safetensors", "run.json", "weights.safetensors"], Directory.GetFiles(folder).Select(file => Path.GetFileName(file)!).Order());
        using SafetensorsFile weights = SafetensorsFile.Open(Path.Combine(folder, "weights.safetensors"));
        Assert.Equal(model.Weights.Where(weight => weight.Depth == model.Weights.HeadDepth).Select(weight => weight.Name).Order(), weights.Tensors.Keys.Order());
    }

    [Fact]
    public void Every_flipped_byte_missing_file_and_stranger_is_detected()
    {
        using (RowsClassifier model = TinyRun.Model()) Recipe(model).Steps(2).Freeze(weights => weights.Trunk().Named("*.weight")).CheckpointTo(_folder, 12, keepLast: 1).Train(TinyRun.Data(10));
        string folder = KilledRun.PathOf(_folder, 2);
        StateFiles.Read(folder, 2).State.Dispose();
        int flips = 0;
        foreach (string file in Directory.GetFiles(folder))
        {
            byte[] contents = File.ReadAllBytes(file);
            for (int i = 0; i < contents.Length; i++, flips++)
            {
                // Each bit in turn, by the position.
                contents[i] ^= (byte)(1 << (i % 8));
                File.WriteAllBytes(file, contents);
                Assert.Throws<CheckpointException>(() => StateFiles.Read(folder, 2));
                contents[i] ^= (byte)(1 << (i % 8));
            }
            File.WriteAllBytes(file, contents[..^1]);
            Assert.Throws<CheckpointException>(() => StateFiles.Read(folder, 2));
            File.WriteAllBytes(file, [.. contents, 0]);
            Assert.Throws<CheckpointException>(() => StateFiles.Read(folder, 2));
            File.Move(file, file + ".away");
            Assert.Throws<CheckpointException>(() => StateFiles.Read(folder, 2));
            File.Move(file + ".away", file);
            File.WriteAllBytes(file, contents);
        }
        Assert.True(flips > 3000);
        Assert.Throws<CheckpointException>(() => StateFiles.Read(folder, 3));
        File.WriteAllText(Path.Combine(folder, "stranger"), "");
        Assert.Throws<CheckpointException>(() => StateFiles.Read(folder, 2));
        File.Delete(Path.Combine(folder, "stranger"));
        StateFiles.Read(folder, 2).State.Dispose();
    }

    [Fact]
    public void A_damaged_checkpoint_is_passed_over_reported_and_replaced()
    {
        string weights = KilledRun.Whole(TinyRun.Model, Recipe, TinyRun.Data(10)).Weights;
        Write(_folder);
        string newest = Path.Combine(KilledRun.PathOf(_folder, 12), "weights.safetensors");
        byte[] contents = File.ReadAllBytes(newest);
        contents[^1] ^= 64;
        File.WriteAllBytes(newest, contents);
        using RowsClassifier model = TinyRun.Model();
        TrainingResult result = Recipe(model).CheckpointTo(_folder, 4, keepLast: 9).Resume().Train(TinyRun.Data(10));
        Assert.Contains(result.Warnings, warning => warning.Contains("passed over", StringComparison.Ordinal) && warning.Contains("step-0000000012", StringComparison.Ordinal));
        Assert.Equal(weights, WeightHash.Of(model.Weights));
        StateFiles.Read(KilledRun.PathOf(_folder, 12), 12).State.Dispose();
    }

    [Fact]
    public void Where_none_is_whole_the_run_begins_anew_and_says_so_and_where_one_is_required_it_is_refused()
    {
        string weights = KilledRun.Whole(TinyRun.Model, Recipe, TinyRun.Data(10)).Weights;
        Write(_folder);
        foreach (long step in Steps(_folder)) File.Delete(Path.Combine(KilledRun.PathOf(_folder, step), "manifest.json"));
        using RowsClassifier model = TinyRun.Model();
        Assert.Contains("no whole checkpoint", Assert.Throws<CheckpointException>(() => Recipe(model).ResumeFrom(_folder).Train(TinyRun.Data(10))).Message, StringComparison.Ordinal);
        TrainingResult result = Recipe(model).CheckpointTo(_folder, 4).Resume().Train(TinyRun.Data(10));
        Assert.Equal(3, result.Warnings.Count(warning => warning.Contains("begins anew", StringComparison.Ordinal)));
        Assert.Equal(weights, WeightHash.Of(model.Weights));
        Assert.Throws<CheckpointException>(() => Recipe(model).ResumeFrom(_other).Train(TinyRun.Data(10)));
    }

    [Fact]
    public void A_finished_run_is_finished_at_once()
    {
        (TrainingResult expected, string weights) = KilledRun.Whole(TinyRun.Model, Recipe, TinyRun.Data(10));
        Write(_folder);
        using RowsClassifier model = TinyRun.Model();
        bool stepped = false;
        TrainingResult result = Recipe(model).CheckpointTo(_folder, 4).Resume().OnProgress(progress => stepped |= progress.Phase == TrainingPhase.Training).Train(TinyRun.Data(10));
        Assert.False(stepped);
        Assert.Equal(weights, WeightHash.Of(model.Weights));
        KilledRun.AssertSame(expected, result);
    }

    [Theory]
    [InlineData(6)]
    [InlineData(12)]
    public void A_run_that_is_cancelled_while_it_evaluates_is_not_complete_and_evaluates_when_it_goes_on(long step)
    {
        (TrainingResult expected, string weights) = KilledRun.Whole(TinyRun.Model, Recipe, TinyRun.Data(10));
        using var stop = new CancellationTokenSource();
        using (RowsClassifier model = TinyRun.Model())
        {
            TrainingResult cancelled = Recipe(model).CheckpointTo(_folder, 4).OnProgress(progress =>
            {
                if (progress.Phase == TrainingPhase.Evaluating && progress.Step == step) stop.Cancel();
            }).Train(TinyRun.Data(10), stop.Token);
            Assert.Equal((StopReason.Cancelled, step), (cancelled.StopReason, cancelled.Steps));
            Assert.Equal(KilledRun.PathOf(_folder, step), cancelled.Checkpoint);
        }
        using RowsClassifier fresh = TinyRun.Model();
        KilledRun.AssertSame(expected, Recipe(fresh).CheckpointTo(_folder, 4).Resume().Train(TinyRun.Data(10)));
        Assert.Equal(weights, WeightHash.Of(fresh.Weights));
    }

    [Fact]
    public void Early_stopping_is_remembered()
    {
        FineTuner<IdsWithLabel> Stops(FineTuner<IdsWithLabel> tuner) => Recipe(tuner).StopEarly(2, minimalGain: 10).EvaluateEvery(EvaluationInterval.Steps(2));
        (TrainingResult expected, string weights) = KilledRun.Whole(TinyRun.Model, Stops, TinyRun.Data(10));
        Assert.Equal(StopReason.StoppedEarly, expected.StopReason);
        using (RowsClassifier model = TinyRun.Model()) Stops(FineTuner.For(model)).CheckpointTo(_folder, 1).Train(TinyRun.Data(10));
        using RowsClassifier fresh = TinyRun.Model();
        TrainingResult actual = Stops(FineTuner.For(fresh)).CheckpointTo(_folder, 1).Resume().Train(TinyRun.Data(10));
        KilledRun.AssertSame(expected, actual);
        Assert.Equal(weights, WeightHash.Of(fresh.Weights));
    }

    [Fact]
    public void Each_difference_is_refused_by_its_name_with_both_values_and_nothing_is_changed()
    {
        Write(_folder);
        using RowsClassifier model = TinyRun.Model();
        string before = WeightHash.Of(model.Weights);
        string Refused(Func<FineTuner<IdsWithLabel>, FineTuner<IdsWithLabel>> change, IdsWithLabel[]? data = null)
        {
            string message = Assert.Throws<InvalidOptionsException>(() => change(Recipe(model)).CheckpointTo(_folder, 4).Resume().Train(data ?? TinyRun.Data(10))).Message;
            Assert.Equal(before, WeightHash.Of(model.Weights));
            return message;
        }
        string recipe = Refused(tuner => tuner.Seed(7).WithOptimizer(Optimizer.AdamW(2e-2)).Freeze(weights => weights.Embeddings()));
        Assert.Contains("recipe's seed: 42 in the checkpoint, 7 now", recipe, StringComparison.Ordinal);
        Assert.Contains("recipe's optimizer.learningRate: 0.01 in the checkpoint, 0.02 now", recipe, StringComparison.Ordinal);
        Assert.Contains("recipe's frozen.rules: [] in the checkpoint", recipe, StringComparison.Ordinal);
        Assert.Contains("AcceptedChanges.Recipe", recipe, StringComparison.Ordinal);
        IdsWithLabel[] data = TinyRun.Data(10);
        data[3] = data[3] with { Label = 2 - data[3].Label == data[3].Label ? 0 : 2 - data[3].Label };
        Assert.Matches("the training data: 10 rows, hash [0-9a-f]{16} in the checkpoint, 10 rows, hash [0-9a-f]{16} now", Refused(tuner => tuner, data));
        Assert.Contains("the validation data: 6 rows", Refused(tuner => tuner.ValidateOn(TinyRun.Data(7, 2))), StringComparison.Ordinal);
        int threads = FineTuningRuntime.Threads;
        Assert.Contains("Threads): 3 in the checkpoint, 1 now", RefusedBy(fingerprint => fingerprint with { Threads = 3 }), StringComparison.Ordinal);
        Assert.Contains("libtorch: 1.0 in the checkpoint", RefusedBy(fingerprint => fingerprint with { LibTorch = "1.0" }), StringComparison.Ordinal);
        Assert.Contains("the processor: abacus in the checkpoint", RefusedBy(fingerprint => fingerprint with { Processor = "abacus" }), StringComparison.Ordinal);
        Assert.Contains("the task: Other in the checkpoint", RefusedBy(fingerprint => fingerprint with { Task = "Other" }), StringComparison.Ordinal);
        Assert.Equal(threads, FineTuningRuntime.Threads);

        string RefusedBy(Func<RunFingerprint, RunFingerprint> change)
        {
            (RunState state, RunFingerprint fingerprint) = StateFiles.Read(KilledRun.PathOf(_folder, 12), 12);
            using RunState own = state;
            var copy = new CheckpointFolder(Directory.CreateDirectory(_other).FullName, LocalDisk.Instance);
            copy.Write(12, null, StateFiles.Of(state, change(fingerprint)));
            try
            {
                return Assert.Throws<InvalidOptionsException>(() => Recipe(model).ResumeFrom(_other).Train(TinyRun.Data(10))).Message;
            }
            finally
            {
                Directory.Delete(_other, recursive: true);
            }
        }
    }

    [Fact]
    public void Another_base_is_refused_and_so_is_a_model_that_computes_otherwise()
    {
        Write(_folder);
        using var other = new RowsClassifier(OutputHead.Create(TinyRun.Config, HeadKind.SequenceClassification, 3, new ModelLoadOptions { Seed = 8 }));
        Assert.Contains("the weights that the run began with", Assert.Throws<InvalidOptionsException>(() => Recipe(other).CheckpointTo(_folder, 4).Resume().Train(TinyRun.Data(10))).Message, StringComparison.Ordinal);
        using var dropping = new RowsClassifier(OutputHead.Create(TinyRun.Config, HeadKind.SequenceClassification, 3, new ModelLoadOptions { Seed = 7, Dropout = 0.3 }));
        Assert.Contains("the loss of the largest batch before the first step", Assert.Throws<InvalidOptionsException>(() => Recipe(dropping).CheckpointTo(_folder, 4).Resume().Train(TinyRun.Data(10))).Message, StringComparison.Ordinal);
        TrainingResult accepted = Recipe(dropping).CheckpointTo(_folder, 4).Resume(AcceptedChanges.Model).Train(TinyRun.Data(10));
        Assert.Contains(accepted.Warnings, warning => warning.Contains("goes on from a checkpoint of another", StringComparison.Ordinal));
    }

    [Fact]
    public void A_run_that_failed_goes_on_with_the_same_model_object()
    {
        (TrainingResult expected, string weights) = KilledRun.Whole(TinyRun.Model, Recipe, TinyRun.Data(10));
        using RowsClassifier model = TinyRun.Model();
        Assert.Throws<KilledException>(() => Recipe(model).CheckpointTo(_folder, 4).OnProgress(progress =>
        {
            if (progress.Step == 7) throw new KilledException();
        }).Train(TinyRun.Data(10)));
        // What was trained is kept: the step that was done is the newest checkpoint.
        Assert.Equal(7, Steps(_folder)[^1]);
        KilledRun.AssertSame(expected, Recipe(model).CheckpointTo(_folder, 4).Resume().Train(TinyRun.Data(10)));
        Assert.Equal(weights, WeightHash.Of(model.Weights));
    }

    [Fact]
    public void A_fork_goes_on_with_a_changed_recipe_in_a_folder_of_its_own()
    {
        Write(_folder);
        using RowsClassifier model = TinyRun.Model();
        FineTuner<IdsWithLabel> fork = Recipe(model).CheckpointTo(_folder, 4).WithCheckpoints(settings => settings with { Waits = true }).Fork(8, _other, options => options with
            { Optimizer = Optimizer.Sgd(0.05), Frozen = new WeightFilter().Embeddings(), Steps = 20, Features = [.. options.Features, new WeightAverage(0.9)] });
        TrainingResult result = fork.Train(TinyRun.Data(10));
        Assert.Equal(20, result.Steps);
        Assert.Equal(0.05, result.History[^1].LearningRate / result.Options.Schedule.Factor(19, 20), 1e-12);
        Assert.Equal([16, 20], Steps(_other));
        Assert.Equal([4, 8, 12], Steps(_folder));
        string warnings = string.Join("\n", result.Warnings);
        Assert.Contains("recipe's optimizer", warnings, StringComparison.Ordinal);
        Assert.Contains("the optimizer is another", warnings, StringComparison.Ordinal);
        Assert.Contains("the best evaluation so far is forgotten", warnings, StringComparison.Ordinal);
        // The embeddings that are frozen now are those of the checkpoint, not of the base.
        (RunState state, _) = StateFiles.Read(KilledRun.PathOf(_folder, 8), 8);
        using RunState own = state;
        Weight embedding = model.Weights.First(weight => weight.Depth == 0);
        Assert.Equal(state.Tensors["weights/" + embedding.Name].data<float>().ToArray(), embedding.Value.detach().data<float>().ToArray());
        // The branch itself goes on exactly.
        string weights = WeightHash.Of(model.Weights);
        using RowsClassifier again = TinyRun.Model();
        FineTuner.For(again).With(_ => fork.Options).CheckpointTo(_other, 4).Resume().ValidateOn(TinyRun.Data(6, 2)).Train(TinyRun.Data(10));
        Assert.Equal(weights, WeightHash.Of(again.Weights));
        Assert.Contains("no whole checkpoint of step 5; there are 4, 8, 12",
            Assert.Throws<CheckpointException>(() => Recipe(again).CheckpointTo(_folder).Fork(5, _other + "x", options => options).Train(TinyRun.Data(10))).Message, StringComparison.Ordinal);
        Directory.Delete(_other + "x", recursive: true);
    }

    [Fact]
    public void A_fork_without_a_change_is_the_run()
    {
        (TrainingResult expected, string weights) = KilledRun.Whole(TinyRun.Model, Recipe, TinyRun.Data(10));
        Write(_folder);
        using RowsClassifier model = TinyRun.Model();
        KilledRun.AssertSame(expected, Recipe(model).CheckpointTo(_folder).Fork(4, _other, options => options).Train(TinyRun.Data(10)));
        Assert.Equal(weights, WeightHash.Of(model.Weights));
    }

    [Fact]
    public void What_is_wrong_is_said_before_the_data_is_read()
    {
        Write(_folder);
        using RowsClassifier model = TinyRun.Model();
        IEnumerable<IdsWithLabel> unread = Enumerable.Range(0, 1).Select<int, IdsWithLabel>(_ => throw new InvalidDataException("read"));
        Assert.Contains("holds checkpoints of a run, up to step 12", Refused(Recipe(model).CheckpointTo(_folder)), StringComparison.Ordinal);
        Assert.Contains("Resume() has no folder", Refused(Recipe(model).Resume()), StringComparison.Ordinal);
        Assert.Equal(2, Assert.Throws<InvalidOptionsException>(() => Recipe(model).CheckpointTo(_other, 0, keepLast: 0).Train(unread)).Violations.Count);
        Assert.Contains("without validation data", Refused(FineTuner.For(model).CheckpointTo(_other, keepBest: 1)), StringComparison.Ordinal);
        Assert.Contains("ExportOnce cannot be continued", Refused(Recipe(model).CheckpointTo(_other).With(options => options with { Features = [.. options.Features, new ExportOnce(1, false)] })), StringComparison.Ordinal);
        Assert.Throws<InvalidOperationException>(() => Recipe(model).Fork(1, _other, options => options));

        string Refused(FineTuner<IdsWithLabel> tuner) => Assert.Throws<InvalidOptionsException>(() => tuner.Train(unread)).Message;
    }

    [Fact]
    public void A_disk_that_is_too_small_is_found_before_the_first_step()
    {
        using RowsClassifier model = TinyRun.Model();
        string before = WeightHash.Of(model.Weights);
        string message = Assert.Throws<InvalidOptionsException>(() => Recipe(model).CheckpointTo(_folder, 1)
            .WithCheckpoints(settings => settings with { Disk = new SmallDisk() }).Train(TinyRun.Data(10))).Message;
        Assert.Contains("checkpoints need 4 MB (2 MB each)", message, StringComparison.Ordinal);
        Assert.Equal(before, WeightHash.Of(model.Weights));
    }

    [Fact]
    public void What_is_forecast_is_what_is_written()
    {
        foreach (Optimizer optimizer in new Optimizer[] { Optimizer.AdamW(1e-2), Optimizer.Adam(1e-2, amsGrad: true), Optimizer.Sgd(0.1), Optimizer.Sgd(0.1, 0.9), Optimizer.Adafactor(), Optimizer.Lion() })
        {
            string folder = KilledRun.NewFolder();
            long forecast = 0, written = 0;
            using RowsClassifier model = TinyRun.Model();
            Recipe(model).WithOptimizer(optimizer).WithWeightAverage(0.9).CheckpointTo(folder, 4).OnCheckpoint(report => written = report.Bytes)
                .With(options => options with { Features = [.. options.Features, new Probe(run => forecast = CheckpointSpace.Forecast(run))] }).Train(TinyRun.Data(10));
            long tensors = Directory.GetFiles(KilledRun.PathOf(folder, 12), "*.safetensors").Sum(TensorBytes);
            Directory.Delete(folder, recursive: true);
            Assert.InRange(written, 1, forecast);
            // A megabyte is for history and headers, the rest is of tensors, to the byte.
            Assert.Equal(forecast - (1 << 20), tensors);
        }
    }

    [Fact]
    public void Two_runs_do_not_write_into_one_folder()
    {
        using RowsClassifier model = TinyRun.Model(), second = TinyRun.Model();
        Exception? refused = null;
        Recipe(model).CheckpointTo(_folder, 4).OnProgress(progress =>
        {
            if (progress.Step == 3) refused ??= Record.Exception(() => Recipe(second).CheckpointTo(_folder, 4).Resume().Train(TinyRun.Data(10)));
        }).Train(TinyRun.Data(10));
        Assert.Contains("another run writes there", Assert.IsType<IOException>(refused, exactMatch: false).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void The_data_of_every_kind_of_row_is_part_of_the_fingerprint()
    {
        using RowsClassifier model = TinyRun.Model();
        string Hash(IdsWithLabel[] data) => RowHash.Of(FineTuning.Batching.RowSet.Encode(model, data, "data", null, default));
        IdsWithLabel[] data = TinyRun.Data(600);
        string known = Hash(data);
        Assert.Equal(known, Hash(TinyRun.Data(600)));
        for (int row = 0; row < data.Length; row += 97)
        {
            IdsWithLabel kept = data[row];
            data[row] = kept with { Label = (kept.Label + 1) % 3 };
            Assert.NotEqual(known, Hash(data));
            data[row] = kept with { Ids = [.. kept.Ids[..^1], kept.Ids[^1] ^ 1] };
            Assert.NotEqual(known, Hash(data));
            data[row] = kept;
        }
        (data[1], data[2]) = (data[2], data[1]);
        Assert.NotEqual(known, Hash(data));
    }

    private static FineTuner<IdsWithLabel> Recipe(RowsClassifier model) => Recipe(FineTuner.For(model));

    private static FineTuner<IdsWithLabel> Recipe(FineTuner<IdsWithLabel> tuner) => tuner.WithOptimizer(Optimizer.AdamW(1e-2)).Steps(12).BatchSize(4).ValidateOn(TinyRun.Data(6, 2));

    // Without the counters of fused optimizers, four bytes a weight.
    private static long TensorBytes(string path)
    {
        using SafetensorsFile file = SafetensorsFile.Open(path);
        return file.Tensors.Where(pair => !pair.Key.EndsWith("/step", StringComparison.Ordinal)).Sum(pair => file.Read(pair.Key).numel() * file.Read(pair.Key).element_size());
    }

    private static long[] Steps(string folder) => [.. new CheckpointFolder(folder, LocalDisk.Instance).Steps()];

    private static void Write(string folder)
    {
        using RowsClassifier model = TinyRun.Model();
        Recipe(model).CheckpointTo(folder, 4, keepLast: 9).WithCheckpoints(settings => settings with { Waits = true }).Train(TinyRun.Data(10));
        Assert.Equal([4, 8, 12], Steps(folder));
    }

    /// <summary>Looks at the parts of a run before its first step.</summary>
    private sealed record Probe(Action<RunParts> Look) : RunFeature
    {
        internal override bool ChangesTheResult => false;

        internal override bool CanResume => true;

        internal override LoopFeature Start() => new Looking(Look);

        private sealed class Looking(Action<RunParts> look) : LoopFeature
        {
            public override void Begin(RunParts run) => look(run);
        }
    }

    private sealed class SmallDisk : ICheckpointDisk
    {
        public long? FreeSpace(string folder) => 3 << 20;

        public void CreateFolder(string folder) => throw new IOException("written to");

        public Stream CreateFile(string path) => throw new IOException("written to");

        public void Sync(Stream file) => throw new IOException("written to");

        public void SyncFolder(string folder) => throw new IOException("written to");

        public void Rename(string from, string to) => throw new IOException("written to");

        public void DeleteFile(string path) => throw new IOException("written to");

        public void DeleteFolder(string folder) => throw new IOException("written to");
    }
}
