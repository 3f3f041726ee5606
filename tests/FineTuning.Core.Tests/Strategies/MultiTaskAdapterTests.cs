using FineTuning.Adapters;
using FineTuning.Errors;
using FineTuning.Examples;
using FineTuning.Heads;
using FineTuning.Models;
using FineTuning.Strategies;
using FineTuning.Tasks;
using FineTuning.Training;
using TorchSharp;
using Xunit;

namespace FineTuning.Tests.Strategies;

/// <summary>Several tasks in one run, each with an adapter of its own on a trunk that stays.</summary>
public sealed class MultiTaskAdapterTests
{
    private const double Rate = 0.05;

    private static readonly LabeledText<string>[] Moods = TaskHeads.Moods;
    private static readonly TaggedText[] Names = TaskHeads.Names;
    private static readonly ScoredText[] Stars = TaskHeads.Stars;

    public static TheoryData<string> Methods => new("lora", "dora", "scaling", "norms", "biases", "prefix", "prompt", "ranks", "head");

    [Theory]
    [MemberData(nameof(Methods))]
    public void Each_task_learns_its_adapter_and_the_base_stays_to_the_bit(string method)
    {
        using var heads = new TaskHeads(0.1);
        float[] before = heads.Values();
        MultiTaskResult result = Tuner(heads, method).With(o => o with { Steps = 8, BatchSize = 4, Optimizer = Optimizer.AdamW(5e-3) }).Train();
        Assert.Equal(before, heads.Values());
        Assert.False(heads.Trunk.Weights.HasGuests);
        Assert.All(heads.Trunk.Weights, weight => Assert.True(weight.IsTrainable));
        // Every task is measured with its own adapter.
        Check("mood", heads.Mood, () => heads.Mood.Evaluate(Moods)["loss"]);
        Check("names", heads.Tagger, () => heads.Tagger.Evaluate(Names)["loss"]);
        Check("stars", heads.Rater, () => heads.Rater.Evaluate(Stars)["loss"]);
        Assert.Equal(before, heads.Values());
        Assert.Equal(result.Run.Options, TrainingOptions.FromJson(result.Run.Options.ToJson()));

        void Check(string task, TunableModel model, Func<double> measure)
        {
            double untuned = measure();
            Assert.Equal([task], model.Adapters.Names);
            Assert.Null(model.Adapters.Active);
            model.UseAdapter(task);
            Assert.Equal(result[task].Together!["loss"], measure(), 1e-9);
            Assert.NotEqual(untuned, measure());
            model.WithoutAdapter();
        }
    }

    [Theory]
    [MemberData(nameof(Methods))]
    public void A_task_in_a_step_of_its_own_is_the_task_alone_and_the_others_stay_to_the_bit(string method)
    {
        // Dropout of the first step is the same in both runs.
        TrainingOptions One(TrainingOptions o) => o with
        {
            Steps = 1, BatchSize = 4, Shuffle = false, Optimizer = Optimizer.Sgd(Rate), Schedule = Schedule.Constant(), ClipNorm = null, KeepBest = false,
        };
        using TaskHeads together = new(0.1), alone = new(0.1), untouched = new(0.1);
        FineTuner.For(together.Trunk).Task("mood", together.Mood, Moods, adapter: Of(method)).Task("names", together.Tagger, Names, adapter: Of("lora"))
            .With(One).Train();
        FineTuner.For(alone.Mood).WithAdapter(Of(method), "mood").With(One).Train(Moods);
        untouched.Tagger.Adapters.Add(Of("lora"), "names", use: false);
        Assert.All(Adapted(alone.Mood, "mood").Zip(Adapted(together.Mood, "mood")), pair => Assert.Equal(pair.First, pair.Second, 2e-6));
        Assert.Equal(Adapted(untouched.Tagger, "names"), Adapted(together.Tagger, "names"));
    }

    [Fact]
    public void Steps_of_another_task_between_change_nothing()
    {
        TrainingOptions Plain(TrainingOptions o) => o with
        {
            BatchSize = 4, Optimizer = Optimizer.Sgd(Rate), Schedule = Schedule.Constant(), ClipNorm = null, KeepBest = false, Epochs = 2,
        };
        using TaskHeads together = new(), alone = new();
        FineTuner.For(together.Trunk).Task("mood", together.Mood, Moods).Task("names", together.Tagger, Names).WithAdapters(Of("lora")).With(Plain).Train();
        FineTuner.For(alone.Mood).WithAdapter(Of("lora"), "mood").With(Plain).Train(Moods);
        float[] expected = Adapted(alone.Mood, "mood");
        Assert.All(expected.Zip(Adapted(together.Mood, "mood")), pair => Assert.Equal(pair.First, pair.Second, 5e-6));
        // By more than what is tolerated.
        using TaskHeads fresh = new();
        fresh.Mood.Adapters.Add(Of("lora"), "mood", use: false);
        Assert.Contains(expected.Zip(Adapted(fresh.Mood, "mood")), pair => Math.Abs(pair.First - pair.Second) > 1e-3);
    }

    [Fact]
    public void Accumulated_equals_whole_and_layers_that_are_computed_again_change_nothing()
    {
        float[] Tuned(int batch, bool again)
        {
            using var heads = new TaskHeads();
            FineTuner.For(heads.Trunk).Task("mood", heads.Mood, Moods[..4]).Task("names", heads.Tagger, Names[..4]).WithAdapters(Of("lora")).With(o => o with
            {
                Steps = 3, BatchSize = batch, Accumulation = 8 / batch, Optimizer = Optimizer.Sgd(Rate), Shuffle = false,
                GradientCheckpointing = again ? new WeightFilter().Layers(..) : new WeightFilter(),
            }).Train();
            return [.. Adapted(heads.Mood, "mood"), .. Adapted(heads.Tagger, "names")];
        }
        float[] whole = Tuned(4, false);
        Assert.All(whole.Zip(Tuned(1, false)), pair => Assert.Equal(pair.First, pair.Second, 2e-5));
        Assert.Equal(whole, Tuned(4, true));
    }

    [Fact]
    public void A_batch_of_several_tasks_is_computed_with_the_adapter_of_each()
    {
        using var heads = new TaskHeads();
        double score = FineTuner.For(heads.Trunk).Task("mood", heads.Mood, Moods, Moods).Task("names", heads.Tagger, Names, Names, scoreWeight: 3)
            .WithAdapters(Of("lora")).With(o => o with { Steps = 6, BatchSize = 4, Optimizer = Optimizer.AdamW(1e-2) }).Train().Run.Metrics!["score"];
        // Evaluations of a run mix rows of all tasks.
        heads.Mood.UseAdapter("mood");
        double accuracy = heads.Mood.Evaluate(Moods)["accuracy"];
        heads.Mood.WithoutAdapter();
        heads.Tagger.UseAdapter("names");
        Assert.Equal((accuracy + (3 * heads.Tagger.Evaluate(Names)["f1"])) / 4, score, 1e-9);
    }

    [Fact]
    public void A_task_without_an_adapter_trains_its_head_alone()
    {
        using var heads = new TaskHeads();
        float[] trunk = Values(heads.Trunk.Weights);
        float[][] before = heads.ValuesOfHeads();
        FineTuner.For(heads.Trunk).Task("mood", heads.Mood, Moods, adapter: Of("lora")).Task("names", heads.Tagger, Names)
            .With(o => o with { Epochs = 1, BatchSize = 4, Optimizer = Optimizer.AdamW(1e-2) }).Train();
        Assert.Equal(trunk, Values(heads.Trunk.Weights));
        Assert.Equal(before[0], heads.ValuesOfHeads()[0]);
        Assert.NotEqual(before[1], heads.ValuesOfHeads()[1]);
        Assert.Empty(heads.Tagger.Adapters.Names);
    }

    [Fact]
    public void Each_task_is_saved_as_an_adapter_with_its_head_or_as_a_whole_model()
    {
        using var heads = new TaskHeads();
        Tuner(heads, "lora").With(o => o with { Steps = 6, BatchSize = 4, Optimizer = Optimizer.AdamW(1e-2) }).Train();
        string folder = Directory.CreateTempSubdirectory("tasks").FullName, text = TaskHeads.Text(1);
        heads.Mood.UseAdapter("mood");
        IEnumerable<double> expected = [.. heads.Mood.Predict(text).Scores.Select(score => score.Score)];
        heads.Mood.SaveAdapter(Path.Combine(folder, "mood"));
        heads.Mood.Adapters.Merge();
        heads.Mood.Save(Path.Combine(folder, "whole"));
        heads.Mood.Adapters.Unmerge();
        heads.Mood.WithoutAdapter();
        heads.Tagger.UseAdapter("names");
        heads.Tagger.SaveAdapter(Path.Combine(folder, "names"));
        heads.Tagger.WithoutAdapter();
        // A service asks each head with its adapter, while none is active.
        Classification<string> routed = heads.Mood.Adapters.Route(["mood"], () => heads.Mood.PredictBatch([text]))[0];
        Assert.All(expected.Zip(routed.Scores), pair => Assert.Equal(pair.First, pair.Second.Score, 1e-6));

        using var other = new TaskHeads();
        other.Mood.LoadAdapter(Path.Combine(folder, "mood"), "mood", use: false);
        other.Tagger.LoadAdapter(Path.Combine(folder, "names"), "names", use: false);
        Assert.Equal(Adapted(heads.Tagger, "names"), Adapted(other.Tagger, "names"));
        other.Mood.UseAdapter("mood");
        Assert.All(expected.Zip(other.Mood.Predict(text).Scores), pair => Assert.Equal(pair.First, pair.Second.Score, 1e-6));
        using TextClassifier<string> whole = Pretrained.TextClassifier<string>(Path.Combine(folder, "whole"));
        Assert.All(expected.Zip(whole.Predict(text).Scores), pair => Assert.Equal(pair.First, pair.Second.Score, 1e-5));
        Directory.Delete(folder, recursive: true);
    }

    [Theory]
    [InlineData("lora")]
    [InlineData("ranks")]
    public void A_run_that_was_stopped_goes_on_to_the_same_bits(string method)
    {
        string folder = Directory.CreateTempSubdirectory("tasks").FullName;
        float[] Tuned(string own, long? stop)
        {
            using var heads = new TaskHeads(0.1);
            using var source = new CancellationTokenSource();
            MultiTaskResult result = Tuner(heads, method).With(o => o with { Steps = 8, BatchSize = 4 }).CheckpointTo(Path.Combine(folder, own), every: 1).Resume().OnProgress(progress =>
            {
                if (progress.Phase == TrainingPhase.Training && progress.Step == stop) source.Cancel();
            }).Train(source.Token);
            if (stop is null) Assert.DoesNotContain(result.Run.Warnings, warning => warning.Contains("no gradient", StringComparison.Ordinal));
            return [.. Adapted(heads.Mood, "mood"), .. Adapted(heads.Tagger, "names"), .. Adapted(heads.Rater, "stars")];
        }
        float[] whole = Tuned("whole", null);
        Assert.NotEqual(whole, Tuned("parts", 3));
        Assert.Equal(whole, Tuned("parts", null));
        Directory.Delete(folder, recursive: true);
    }

    [Fact]
    public void A_stopped_run_goes_on_with_the_heads_that_it_has_changed()
    {
        string folder = Directory.CreateTempSubdirectory("tasks").FullName;
        using TaskHeads whole = new(), parts = new();
        MultiTaskTuner Of(TaskHeads heads) => Tuner(heads, "lora").With(o => o with { Steps = 6, BatchSize = 4 });
        Of(whole).Train();
        using var source = new CancellationTokenSource();
        MultiTaskTuner stopped = Of(parts).CheckpointTo(folder, every: 1).Resume();
        stopped.OnProgress(progress =>
        {
            if (progress.Phase == TrainingPhase.Training && progress.Step == 2) source.Cancel();
        }).Train(source.Token);
        stopped.Train();
        Assert.Equal(Adapted(whole.Mood, "mood"), Adapted(parts.Mood, "mood"));
        Assert.Equal(Adapted(whole.Tagger, "names"), Adapted(parts.Tagger, "names"));
        Directory.Delete(folder, recursive: true);
    }

    [Fact]
    public void Alone_is_what_a_tuner_of_one_model_gives_and_comparing_changes_nothing()
    {
        (float[] Values, MultiTaskResult Result) Tuned(bool compared)
        {
            using var heads = new TaskHeads(0.1);
            MultiTaskTuner tuner = Tuner(heads, "lora").With(o => o with { Epochs = 2, BatchSize = 4, Optimizer = Optimizer.AdamW(5e-3) });
            MultiTaskResult result = (compared ? tuner.ComparedWithAlone() : tuner).Train();
            return ([.. Adapted(heads.Mood, "mood"), .. Adapted(heads.Tagger, "names")], result);
        }
        (float[] plain, _) = Tuned(false);
        (float[] compared, MultiTaskResult both) = Tuned(true);
        Assert.Equal(plain, compared);
        using var single = new TaskHeads(0.1);
        TrainingResult own = FineTuner.For(single.Mood).WithAdapter(Of("lora"), "mood").WithOptimizer(Optimizer.AdamW(5e-3)).Epochs(2).BatchSize(4).ValidateOn(Moods).Train(Moods);
        Assert.Equal(own.Metrics!["loss"], both["mood"].Alone!["loss"], 1e-12);
    }

    [Fact]
    public void The_better_of_alone_and_together_is_kept()
    {
        using var heads = new TaskHeads();
        // Together the first task counts for nothing, so that it learns alone what it does not learn there.
        MultiTaskResult result = FineTuner.For(heads.Trunk).Task("mood", heads.Mood, Moods, Moods, weight: 1e-6, adapter: Of("lora")).Task("names", heads.Tagger, Names, Names)
            .With(o => o with { Epochs = 12, BatchSize = 4, Optimizer = Optimizer.Sgd(0.5), Schedule = Schedule.Constant(), ClipNorm = null })
            .ComparedWithAlone(keepBetter: true).Train();
        TaskResult mood = result["mood"];
        Assert.True(mood is { IsHarmed: true, IsAlone: true }, mood.ToString());
        Assert.Contains("it has what it learned alone", result.ToString(), StringComparison.Ordinal);
        heads.Mood.UseAdapter("mood");
        Assert.Equal(mood.Alone!["loss"], heads.Mood.Evaluate(Moods)["loss"], 1e-9);
        heads.Mood.WithoutAdapter();
        TaskResult names = result["names"];
        Assert.Equal((names.IsAlone ? names.Alone : names.Together)!["loss"], heads.Tagger.Evaluate(Names)["loss"], 1e-9);
    }

    [Fact]
    public void What_lies_below_all_adapters_is_computed_once()
    {
        (float[] Values, FrozenStateUse? Kept) Tuned(bool keeps)
        {
            using var heads = new TaskHeads(0.1);
            // On other layers each: kept is what lies below the lower one.
            MultiTaskResult result = FineTuner.For(heads.Trunk).Task("mood", heads.Mood, Moods, Moods, adapter: Adapter.Lora(2).On(l => l.Named("query", "dense").InLayers(2)))
                .Task("names", heads.Tagger, Names, Names, adapter: Adapter.Lora(2).On(l => l.Named("value").InLayers(1, 2)))
                .With(o => o with { Epochs = 3, BatchSize = 4, FrozenStates = keeps ? new FrozenStateOptions() : null, Optimizer = Optimizer.Sgd(Rate) }).Train();
            return ([.. Adapted(heads.Mood, "mood"), .. Adapted(heads.Tagger, "names")], result.Run.FrozenStates is [var first, ..] ? first : null);
        }
        (float[] kept, FrozenStateUse? use) = Tuned(true);
        Assert.True(use is { NotKept: null, Missed: 0, Layers: 1 }, use?.ToString());
        Assert.All(kept.Zip(Tuned(false).Values), pair => Assert.Equal(pair.First, pair.Second, 2e-5));
        using var prompted = new TaskHeads();
        MultiTaskResult none = FineTuner.For(prompted.Trunk).Task("mood", prompted.Mood, Moods, adapter: Of("prompt")).Task("names", prompted.Tagger, Names)
            .With(o => o with { Epochs = 3, BatchSize = 4 }).Train();
        // Vectors before the text lie below all layers.
        Assert.Empty(none.Run.FrozenStates);
    }

    [Fact]
    public void Nobody_reads_the_trunk_while_it_is_switched()
    {
        using var heads = new TaskHeads();
        Exception? refused = null;
        Tuner(heads, "lora").With(o => o with { Steps = 2, BatchSize = 4 }).OnProgress(progress =>
        {
            if (progress.Phase == TrainingPhase.Training) refused ??= Task.Run(() => Record.Exception(() => heads.Mood.Predict("a text"))).Result;
        }).Train();
        Assert.IsType<InvalidOperationException>(refused);
        Assert.NotNull(heads.Mood.Predict("a text"));
    }

    [Fact]
    public void A_second_run_goes_on_with_the_same_adapters_and_others_are_refused()
    {
        using var heads = new TaskHeads();
        MultiTaskTuner tuner = Tuner(heads, "lora").With(o => o with { Epochs = 1, BatchSize = 4, KeepBest = false });
        tuner.Train();
        float[] once = Adapted(heads.Mood, "mood");
        tuner.Train();
        Assert.NotEqual(once, Adapted(heads.Mood, "mood"));
        Assert.Equal(["mood"], heads.Mood.Adapters.Names);
        Assert.Contains("'mood' already", Assert.Throws<InvalidOptionsException>(() => Tuner(heads, "scaling").Train()).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void What_is_wrong_is_said_at_once_before_data_is_read_and_leaves_no_adapter_behind()
    {
        using var heads = new TaskHeads();
        IEnumerable<LabeledText<string>> Unread()
        {
            throw new InvalidOperationException("the data was read");
#pragma warning disable CS0162 // Makes the method an iterator.
            yield break;
#pragma warning restore CS0162
        }
        MultiTaskTuner Tasks(Adapter? mood, Adapter? names) => FineTuner.For(heads.Trunk).Task("mood", heads.Mood, Unread(), adapter: mood).Task("names", heads.Tagger, Names, adapter: names);
        var failure = Assert.Throws<InvalidOptionsException>(() => Tasks(Adapter.Lora(0, 1), Of("lora")).WithBalancing(TaskBalancing.ProjectedGradients).With(o => o with { BatchSize = 0 }).Train());
        Assert.Equal(3, failure.Violations.Count);
        Assert.Contains(failure.Violations, violation => violation.Contains("the adapter of the task 'mood'", StringComparison.Ordinal));
        Assert.Contains("no task has validation data", Assert.Throws<InvalidOptionsException>(() => Tasks(Of("lora"), null).ComparedWithAlone(keepBetter: true).Train()).Message, StringComparison.Ordinal);
        Assert.Throws<InvalidOptionsException>(() => Tasks(Of("lora"), Adapter.Lora(2).On(l => l.Named("no_such_module"))).Train());
        Assert.Empty(heads.Mood.Adapters.Names);
        heads.Rater.Adapters.Add(Of("lora"));
        Assert.Contains("another head", Assert.Throws<InvalidOptionsException>(() => Tasks(Of("lora"), null).Train()).Message, StringComparison.Ordinal);
    }

    private static MultiTaskTuner Tuner(TaskHeads heads, string method) => heads.Tuner().WithAdapters(Of(method));

    private static Adapter Of(string method) => method switch
    {
        "lora" => Adapter.Lora(2).On(l => l.AllLinear()),
        "dora" => Adapter.Dora(2),
        "scaling" => Adapter.Scaling(),
        "norms" => Adapter.Norms(),
        "biases" => Adapter.AllBiases(),
        "prefix" => Adapter.Prefix(2),
        "prompt" => Adapter.Prompt(2),
        "ranks" => new AdaptiveLoraAdapter { Rank = 3, TargetRank = 2, WarmupSteps = 0, FinalSteps = 0 },
        _ => Adapter.Lora(2) with { ModulesToSave = ["LayerNorm"] },
    };

    // All that an adapter trains, its whole weights too.
    private static float[] Adapted(TunableModel model, string name)
    {
        BuiltAdapter built = model.Adapters.Find(name);
        return [.. Values(built.Weights), .. built.Wholes.SelectMany(whole => whole.Value.detach().data<float>().ToArray())];
    }

    private static float[] Values(IEnumerable<Weight> weights) => [.. weights.SelectMany(weight => weight.Value.detach().data<float>().ToArray())];
}
