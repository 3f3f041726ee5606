using FineTuning.Adapters;
using FineTuning.Errors;
using FineTuning.Models;
using FineTuning.Tensors;
using FineTuning.Training;
using TorchSharp;
using Xunit;
using static FineTuning.Tensors.Scalars;
using static TorchSharp.torch;

namespace FineTuning.Tests.Training;

/// <summary>A run that keeps the states of its frozen layers learns what a run without learns, says what it kept, and keeps nothing where that would be wrong.</summary>
public sealed class KeptRunTests
{
    private const double Nearness = 2e-6;

    private const string Config = """
        {"model_type":"bert","vocab_size":40,"hidden_size":16,"num_hidden_layers":4,"num_attention_heads":2,"intermediate_size":32,"initializer_range":0.2,
         "max_position_embeddings":32,"type_vocab_size":2,"hidden_dropout_prob":0.1,"attention_probs_dropout_prob":0.1}
        """;

    private static readonly Dictionary<string, Func<FineTuner<IdsWithLabel>, FineTuner<IdsWithLabel>>> Recipes = new()
    {
        ["head"] = tuner => tuner.Freeze(l => l.Trunk()),
        ["highest layer"] = tuner => tuner.Freeze(l => l.Embeddings().Layers(..^1)),
        ["highest two"] = tuner => tuner.Freeze(l => l.Embeddings().Layers(..^2)),
        ["biases alone"] = tuner => tuner.Freeze(l => l.Kind(WeightKind.Matrix).Kind(WeightKind.Norm).Kind(WeightKind.Embedding)).Freeze(l => l.Layers(..2).Embeddings()),
        ["a frozen layer between"] = tuner => tuner.Freeze(l => l.Embeddings().Layers(..2).Layer(^1)),
        ["thawed one by one"] = tuner => tuner.UnfreezeGradually(2).Epochs(9),
        ["thawed to the third"] = tuner => tuner.UnfreezeGradually(1).Freeze(l => l.Embeddings().Layers(..2)).Epochs(6),
        ["accumulated"] = tuner => tuner.Freeze(l => l.Embeddings().Layers(..^1)).BatchSize(2, accumulation: 3),
        ["checkpointed"] = tuner => tuner.Freeze(l => l.Embeddings().Layers(..^2)).WithGradientCheckpointing(),
        ["averaged"] = tuner => tuner.Freeze(l => l.Trunk()).WithWeightAverage(0.5),
        ["mixed out"] = tuner => tuner.UnfreezeGradually(3).WithMixout(0.5),
        ["penalised"] = tuner => tuner.Freeze(l => l.Embeddings().Layers(..^1)).WithStartingPointPenalty(),
        ["drawn anew"] = tuner => tuner.Freeze(l => l.Embeddings().Layers(..^1)).ReinitialiseTopLayers(2),
        ["best put back"] = tuner => tuner.Freeze(l => l.Trunk()).Epochs(8).StopEarly(2),
        ["an adapter above"] = tuner => tuner.WithAdapter(Adapter.Lora(rank: 2).On(l => l.Named("query", "value").InLayers(2, 3))),
        ["a token budget"] = tuner => tuner.Freeze(l => l.Trunk()).TokenBudget(60),
    };

    public static TheoryData<string> Names => [.. Recipes.Keys];

    private static RowsClassifier Model() => new(OutputHead.Create(Config, HeadKind.SequenceClassification, 3, new ModelLoadOptions { Seed = 7 }));

    private static IdsWithLabel[] Data(int count, int seed = 1)
    {
        var random = new Random(seed);
        return [.. Enumerable.Range(0, count).Select(_ =>
        {
            int label = random.Next(3);
            return new IdsWithLabel([.. Enumerable.Range(0, random.Next(2, 20)).Select(_ => random.Next(4) == 0 ? 30 + label : random.Next(1, 30))], label);
        })];
    }

    private static FineTuner<IdsWithLabel> Tuner(RowsClassifier model) =>
        FineTuner.For(model).Epochs(3).BatchSize(5).WithOptimizer(Optimizer.Sgd(0.05)).ValidateOn(Data(12, seed: 2));

    private static (float[] Values, TrainingResult Result) Run(Func<FineTuner<IdsWithLabel>, FineTuner<IdsWithLabel>> change)
    {
        using RowsClassifier model = Model();
        TrainingResult result = change(Tuner(model)).Train(Data(31));
        Assert.Empty(model.Weights.Trunk!.FrozenStates.Sets);
        return (TinyRun.Values(model), result);
    }

    private static void AssertNear((float[] Values, TrainingResult Result) expected, (float[] Values, TrainingResult Result) actual, double nearness = Nearness)
    {
        Assert.Equal(expected.Values.Length, actual.Values.Length);
        Assert.All(expected.Values.Zip(actual.Values), pair => Assert.Equal(pair.First, pair.Second, nearness));
        Assert.Equal(expected.Result.Steps, actual.Result.Steps);
        Assert.All(expected.Result.History.Zip(actual.Result.History), pair => Assert.Equal(pair.First.Loss, pair.Second.Loss, 20 * nearness));
        Assert.All(expected.Result.Evaluations.Zip(actual.Result.Evaluations), pair => Assert.Equal(pair.First.Metrics["loss"], pair.Second.Metrics["loss"], 20 * nearness));
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void It_learns_what_a_run_without_learns(string name)
    {
        (float[], TrainingResult) plain = Run(tuner => Recipes[name](tuner).WithoutFrozenStates()), kept = Run(Recipes[name]);
        AssertNear(plain, kept);
        Assert.Empty(plain.Item2.FrozenStates);
        FrozenStateUse use = kept.Item2.FrozenStates.Last(own => own.NotKept is null);
        Assert.True(use is { NotKept: null, Missed: 0, Rows: > 0, Memory: > 0, Disk: 0 }, use.ToString());
        Assert.Contains(use.ToString(), kept.Item2.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void The_border_is_followed_and_one_vector_a_row_is_kept_where_a_head_reads_no_more()
    {
        FrozenStateUse[] uses = [.. Run(Recipes["thawed one by one"]).Result.FrozenStates];
        Assert.Equal([4, 3, 2, 1], uses.Select(use => use.Layers));
        Assert.All(uses, use => Assert.Null(use.NotKept));
        IdsWithLabel[] all = [.. Data(31).Concat(Data(12, 2)).DistinctBy(row => string.Join(' ', row.Ids))];
        const int Width = 16;
        Assert.Equal(all.Length * Width * sizeof(float), uses[0].Memory);
        Assert.Equal(all.Sum(row => row.Ids.Length) * Width * sizeof(float), uses[1].Memory);
    }

    [Fact]
    public void In_a_file_it_is_the_same_to_the_bit_and_the_file_is_gone()
    {
        string folder = Directory.CreateTempSubdirectory("states").FullName;
        (float[] values, TrainingResult result) = Run(Recipes["highest two"]);
        foreach (long memory in new long[] { 0, result.FrozenStates[0].Memory / 2 })
        {
            (float[] inFile, TrainingResult other) = Run(tuner => Recipes["highest two"](tuner).KeepFrozenStates(o => o with { Memory = memory, Disk = 1 << 20, Folder = folder }));
            Assert.Equal(values, inFile);
            FrozenStateUse use = other.FrozenStates[0];
            Assert.Equal(result.FrozenStates[0].Memory, use.Memory + use.Disk);
            Assert.True(use.Memory <= memory && use.Disk > 0);
        }
        Assert.Empty(Directory.GetFileSystemEntries(folder));
        Directory.Delete(folder);
    }

    [Fact]
    public void In_bfloat16_they_take_half_the_room_and_are_near()
    {
        (float[], TrainingResult Result) plain = Run(Recipes["highest two"]),
            half = Run(tuner => Recipes["highest two"](tuner).KeepFrozenStates(o => o with { Stored = Precision.BFloat16 }));
        AssertNear(plain, half, 5e-3);
        Assert.NotEqual(plain.Item1, half.Item1);
        Assert.Equal(plain.Result.FrozenStates[0].Memory, 2 * half.Result.FrozenStates[0].Memory);
    }

    [Fact]
    public void A_run_in_bfloat16_keeps_what_it_computes_in_bfloat16()
    {
        (float[], TrainingResult Result) plain = Run(tuner => Recipes["highest two"](tuner).WithPrecision(Precision.BFloat16).WithoutFrozenStates()),
            kept = Run(tuner => Recipes["highest two"](tuner).WithPrecision(Precision.BFloat16));
        AssertNear(plain, kept, 2e-3);
        Assert.Null(kept.Result.FrozenStates[0].NotKept);
    }

    [Fact]
    public void A_run_that_is_continued_ends_with_the_same_bits()
    {
        foreach (int? every in new int?[] { null, 2 })
        {
            var options = new TrainingOptions
            {
                Steps = 9, BatchSize = 4, Optimizer = Optimizer.AdamW(1e-2), EvaluateEvery = EvaluationInterval.Steps(2), KeepBest = false, UnfreezeEvery = every,
                Frozen = every is null ? new WeightFilter().Embeddings().Layers(..1) : new WeightFilter(), Features = [new ExportOnce(5, AfterEvaluation: false)],
            };
            using RowsClassifier whole = TinyRun.Model(), fresh = TinyRun.Model();
            TrainingResult expected = TinyRun.Run(whole, options);
            using RunState state = ExportOnce.Take()!;
            TrainingResult actual = TinyRun.Run(fresh, options, state);
            Assert.Null(expected.FrozenStates[0].NotKept);
            Assert.Equal(TinyRun.Values(whole), TinyRun.Values(fresh));
            Assert.Equal(expected.History, actual.History);
        }
    }

    [Fact]
    public void A_later_run_finds_what_is_kept_until_something_below_changes()
    {
        using RowsClassifier model = Model(), plain = Model();
        FrozenStateStore store = model.Weights.Trunk!.FrozenStates;
        TrainingResult First(RowsClassifier own, Func<FineTuner<IdsWithLabel>, FineTuner<IdsWithLabel>> change) => change(Tuner(own).Freeze(l => l.Trunk())).Train(Data(31));
        First(model, tuner => tuner.KeepFrozenStates(o => o with { KeepAfterRun = true }).Epochs(1));
        First(plain, tuner => tuner.WithoutFrozenStates().Epochs(1));
        FrozenStateSet kept = Assert.Single(store.Sets);
        (int rows, long bytes) = (kept.Rows, kept.Memory);
        // The same object answers; nothing is added.
        TrainingResult second = First(model, tuner => tuner);
        TrainingResult expected = First(plain, tuner => tuner.WithoutFrozenStates());
        Assert.Same(kept, Assert.Single(store.Sets));
        Assert.Equal((rows, bytes), (kept.Rows, kept.Memory));
        AssertNear((TinyRun.Values(plain), expected), (TinyRun.Values(model), second));

        foreach (RowsClassifier own in new[] { model, plain })
        {
            using var gradients = no_grad();
            own.Weights.Find("layers.0.attention.output.bias")!.Value.fill_(Held(0.5f));
        }
        TrainingResult third = First(model, tuner => tuner), wanted = First(plain, tuner => tuner.WithoutFrozenStates());
        AssertNear((TinyRun.Values(plain), wanted), (TinyRun.Values(model), third));
        Assert.Empty(store.Sets);
        First(model, tuner => tuner.KeepFrozenStates(o => o with { KeepAfterRun = true }));
        Assert.NotEmpty(store.Sets);
        model.Weights.Trunk.ForgetFrozenStates();
        Assert.Empty(store.Sets);
        Assert.Equal((0, 0), (store.Budget.UsedMemory, store.Budget.UsedDisk));
    }

    [Fact]
    public void What_a_run_would_keep_stands_in_its_estimate()
    {
        using RowsClassifier model = Model();
        FineTuner<IdsWithLabel> tuner = Tuner(model).Freeze(l => l.Trunk());
        MemoryEstimate estimate = tuner.Estimate(Data(31)), none = tuner.WithoutFrozenStates().Estimate(Data(31));
        FrozenStateUse use = tuner.Train(Data(31)).FrozenStates[0];
        // Equal rows are kept once, which an estimate does not know.
        Assert.InRange(estimate.FrozenStates, use.Memory, use.Memory * 1.1);
        Assert.Equal((0, 0), (none.FrozenStates, estimate.FrozenStatesOnDisk));
        Assert.Contains("states of frozen layers", estimate.ToString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("one epoch", "once")]
    [InlineData("noise", "NoisyEmbeddings")]
    [InlineData("no room", "allow more")]
    [InlineData("an adapter below", "an adapter lies below")]
    [InlineData("no folder", "cannot be written")]
    public void Where_it_would_be_wrong_or_does_not_pay_it_is_off_and_said(string what, string reason)
    {
        string folder = Directory.CreateTempSubdirectory("states").FullName;
        (float[], TrainingResult Result) RunWith(bool keeps)
        {
            using RowsClassifier model = Model();
            FineTuner<IdsWithLabel> tuner = Tuner(model).Freeze(l => l.Embeddings().Layers(..^1));
            if (what == "an adapter below")
            {
                model.Adapters.Add(Adapter.Lora(rank: 2).On(l => l.AllLinear()));
                tuner = tuner.Freeze(l => l.Named("*lora*"));
            }
            tuner = what switch
            {
                "one epoch" => tuner.Epochs(1),
                "noise" => tuner.WithNoisyEmbeddings(),
                "no room" => tuner.KeepFrozenStates(o => o with { Memory = 1000 }),
                // It was there when the settings were checked.
                "no folder" => tuner.KeepFrozenStates(o => o with { Memory = 0, Disk = 1 << 20, Folder = folder }).OnProgress(progress =>
                {
                    if (progress.Phase == TrainingPhase.Encoding && Directory.Exists(folder)) Directory.Delete(folder);
                }),
                _ => tuner,
            };
            TrainingResult result = (keeps ? tuner : tuner.WithoutFrozenStates()).Train(Data(31));
            Assert.Empty(model.Weights.Trunk!.FrozenStates.Sets);
            return (TinyRun.Values(model), result);
        }
        (float[], TrainingResult Result) other = RunWith(true), plain = RunWith(false);
        Assert.Equal(plain.Item1, other.Item1);
        FrozenStateUse use = Assert.Single(other.Result.FrozenStates);
        Assert.Contains(reason, use.NotKept, StringComparison.Ordinal);
        Assert.Contains(use.NotKept!, other.Result.ToString(), StringComparison.Ordinal);
        if (Directory.Exists(folder)) Directory.Delete(folder, recursive: true);
    }

    [Fact]
    public void Progress_says_of_how_many_rows_the_states_are_kept_and_what_a_handler_throws_ends_the_run()
    {
        using RowsClassifier model = Model();
        var told = new List<TrainingProgress>();
        Tuner(model).Freeze(l => l.Trunk()).OnProgress(told.Add).Train(Data(31));
        TrainingProgress[] keeping = [.. told.Where(progress => progress.Phase == TrainingPhase.KeepingStates)];
        Assert.True(keeping.Length >= 2);
        Assert.Equal(keeping.Select(progress => progress.RowsKept).Order().Distinct(), keeping.Select(progress => progress.RowsKept));
        Assert.All(keeping, progress => Assert.Equal(31 + 12, progress.RowsToKeep));
        Assert.Equal(31 + 12, keeping[^1].RowsKept);
        Assert.True(told.IndexOf(keeping[^1]) < told.FindIndex(progress => progress.Phase == TrainingPhase.Training));

        Assert.Equal("mine", Assert.Throws<IOException>(() => Tuner(model).Freeze(l => l.Trunk()).OnProgress(progress =>
        {
            if (progress.Phase == TrainingPhase.KeepingStates) throw new IOException("mine");
        }).Train(Data(31))).Message);
        Assert.Empty(model.Weights.Trunk!.FrozenStates.Sets);
    }

    [Fact]
    public void Wrong_settings_are_refused_before_data_is_read()
    {
        using RowsClassifier model = Model();
        var refused = Assert.Throws<InvalidOptionsException>(() => Tuner(model)
            .KeepFrozenStates(o => o with { Memory = -1, Disk = -1, Stored = (Precision)9, Folder = "/no/such/folder" }).Train(Unread()));
        Assert.Equal(4, refused.Violations.Count);

        static IEnumerable<IdsWithLabel> Unread()
        {
            Assert.Fail("the data was read");
            yield break;
        }
    }

    [Fact]
    public void A_cancelled_run_stops_keeping_and_leaves_nothing()
    {
        using RowsClassifier model = Model();
        using var stop = new CancellationTokenSource();
        TrainingResult result = Tuner(model).Freeze(l => l.Trunk()).Epochs(1000).OnProgress(progress =>
        {
            if (progress.Step == 2) stop.Cancel();
        }).Train(Data(31), stop.Token);
        Assert.Equal(StopReason.Cancelled, result.StopReason);
        Assert.Empty(model.Weights.Trunk!.FrozenStates.Sets);
    }

    [Fact]
    public void The_settings_are_data_and_how_much_room_there_is_does_not_make_another_recipe()
    {
        var options = new TrainingOptions { FrozenStates = new() { Memory = 5, Disk = 7, KeepAfterRun = true } };
        Assert.Equal(options, TrainingOptions.FromJson(options.ToJson()));
        Assert.Equal(new TrainingOptions().WithoutWatchers(), options.WithoutWatchers());
        Assert.NotEqual(new TrainingOptions().WithoutWatchers(), (options with { FrozenStates = null }).WithoutWatchers());
        Assert.NotEqual(new TrainingOptions().WithoutWatchers(), (options with { FrozenStates = new() { Stored = Precision.BFloat16 } }).WithoutWatchers());
    }
}
