using FineTuning.Errors;
using FineTuning.Examples;
using FineTuning.Heads;
using FineTuning.Models;
using FineTuning.Strategies;
using FineTuning.Tests.Training;
using FineTuning.Training;
using TorchSharp;
using Xunit;

namespace FineTuning.Tests.Strategies;

/// <summary>Tuning on growing parts: what a stage learns from and where it begins, when stages end, and what is said of more data.</summary>
public sealed class IncrementalTests
{
    private static readonly string Starter = Goldens.Starter;

    private static readonly LabeledText<string>[] Moods = [.. Enumerable.Range(0, 48).Select(i => new LabeledText<string>(
        $"the {(i % 3 == 0 ? "order" : "invoice")} number {i} is {(i % 2 == 0 ? "wrong" : "fine")}", i % 2 == 0 ? "bad" : "good"))];

    private static readonly LabeledText<string>[] Dev = [.. Enumerable.Range(100, 20).Select(i => new LabeledText<string>($"the order number {i} is {(i % 2 == 0 ? "wrong" : "fine")}", i % 2 == 0 ? "bad" : "good"))];

    [Fact]
    public void The_last_of_cold_stages_is_the_plain_run_to_the_bit()
    {
        using TextClassifier<string> plain = Model(), staged = Model();
        TrainingResult run = Recipe(plain).Train(Moods);
        IncrementalResult result = Recipe(staged).Incrementally(new IncrementalOptions { FirstRows = 3, MinimalGain = null }).Train(Moods);
        Assert.Equal([3, 12, 48], result.Stages.Select(stage => stage.Rows));
        Assert.Equal(Values(plain), Values(staged));
        Assert.Equal(run.History, result.Last.Run.History);
        Assert.Equal(run.Metrics!["accuracy"], result.Last.Score);
        Assert.Equal(48, result.Rows);
        Assert.Null(result.Stopped);
        // A first stage alone says nothing of more; the second does.
        Assert.Null(result.Stages[0].Forecast);
        Assert.Equal((12, result.Stages[1].Score), result.Stages[1].Forecast!.Now);
        Assert.Equal(96, result.Forecast!.Twice.Rows);
        Assert.Equal(["bad", "good"], result.Forecast.Classes.Select(label => label.Label).Order(StringComparer.Ordinal));
        Assert.Equal(result.Scores.Select(stage => stage.Score), result.Stages.Select(stage => stage.Score));
        string page = Path.Combine(Directory.CreateTempSubdirectory("stages").FullName, "report.html");
        result.SaveReport(page);
        Assert.Contains("Growing data", File.ReadAllText(page), StringComparison.Ordinal);
        Directory.Delete(Path.GetDirectoryName(page)!, recursive: true);
    }

    [Fact]
    public void Each_way_to_begin_a_stage_begins_there()
    {
        (float[] Start, float[] End, float[] Last) Staged(IncrementalOptions options, Func<FineTuner<IdsWithLabel>, FineTuner<IdsWithLabel>> change)
        {
            using RowsClassifier model = TinyRun.Model();
            float[] start = TinyRun.Values(model), end = [];
            var tuner = change(FineTuner.For(model).Epochs(1).BatchSize(2).ValidateOn(TinyRun.Data(6, 2)).WithOptimizer(Optimizer.Sgd(0.1)).WithScheduler(Schedule.Constant())
                .With(o => o with { KeepBest = false }).OnProgress(progress => end = progress.Phase == TrainingPhase.Finished && progress.TotalSteps == 2 ? TinyRun.Values(model) : end));
            tuner.Incrementally(options with { Stages = [4, 8], MinimalGain = null }).Train(TinyRun.Data(8));
            return (start, end, TinyRun.Values(model));
        }
        // With a rate of nothing in the second stage, its end is its beginning.
        FineTuner<IdsWithLabel> FirstAlone(FineTuner<IdsWithLabel> tuner) => tuner.WithScheduler(Schedule.Constant());
        (float[] start, float[] end, float[] cold) = Staged(new IncrementalOptions(), FirstAlone);
        float[] warm = Staged(new IncrementalOptions { Start = StageStart.Warm }, FirstAlone).Last;
        float[] all = Staged(new IncrementalOptions { Start = StageStart.ShrinkAndPerturb, Shrink = 1, Perturb = 0 }, FirstAlone).Last;
        float[] none = Staged(new IncrementalOptions { Start = StageStart.ShrinkAndPerturb, Shrink = 0, Perturb = 0 }, FirstAlone).Last;
        Assert.NotEqual(start, end);
        Assert.NotEqual(cold, warm);
        Assert.Equal(cold, none);
        Assert.All(warm.Zip(all), pair => Assert.Equal(pair.First, pair.Second, 1e-6));
        Assert.NotEqual(none, Staged(new IncrementalOptions { Start = StageStart.ShrinkAndPerturb, Shrink = 0, Perturb = 0.1 }, FirstAlone).Last);
    }

    [Fact]
    public void A_stable_stage_goes_on_from_before_it_cooled_down()
    {
        using RowsClassifier model = TinyRun.Model();
        var seen = new List<(long Step, double Rate, float[] Values)>();
        var tuner = FineTuner.For(model).Steps(10).BatchSize(2).ValidateOn(TinyRun.Data(6, 2)).WithOptimizer(Optimizer.Sgd(0.1)).WithScheduler(Schedule.Linear(warmup: 2))
            .OnProgress(progress =>
            {
                if (progress.Phase == TrainingPhase.Training) seen.Add((progress.Step, progress.LearningRate, TinyRun.Values(model)));
            });
        float[] first = TinyRun.Values(model);
        tuner.Incrementally(new IncrementalOptions { Stages = [4, 8], MinimalGain = null, Start = StageStart.Stable, CoolDown = 0.3 }).Train(TinyRun.Data(8));
        Assert.Equal(20, seen.Count);
        // Warm-up in the first stage alone, level, and down in the last three steps of each.
        Assert.Equal([0.05, 0.1, 0.1], seen.Take(3).Select(step => step.Rate));
        Assert.Equal(0.1, seen[6].Rate);
        Assert.True(seen[8].Rate < 0.1 && seen[9].Rate < seen[8].Rate);
        Assert.Equal(0.1, seen[10].Rate);
        // The second stage's first step leaves from the seventh of the first, not from its end.
        double Distance(float[] from, float[] to) => Math.Sqrt(from.Zip(to).Sum(pair => Math.Pow(pair.First - pair.Second, 2)));
        Assert.True(Distance(seen[6].Values, seen[10].Values) < Distance(seen[9].Values, seen[10].Values) + Distance(first, seen[6].Values));
        using RowsClassifier again = TinyRun.Model();
        using var weights = new StageWeights(again.Weights, new IncrementalOptions { Start = StageStart.Stable, CoolDown = 0.3 }, 1);
        TrainingOptions recipe = weights.RecipeOf(0, new TrainingOptions { Steps = 10, BatchSize = 2, Optimizer = Optimizer.Sgd(0.1), KeepBest = false });
        float[] at = [];
        TinyRun.Run(again, recipe with { Steps = 7, Schedule = Schedule.Constant(), Features = [] });
        at = TinyRun.Values(again);
        using RowsClassifier whole = TinyRun.Model();
        using var kept = new StageWeights(whole.Weights, new IncrementalOptions { Start = StageStart.Stable, CoolDown = 0.3 }, 1);
        TinyRun.Run(whole, kept.RecipeOf(0, new TrainingOptions { Steps = 10, BatchSize = 2, Optimizer = Optimizer.Sgd(0.1), KeepBest = false, Schedule = Schedule.Constant() }));
        Assert.NotEqual(at, TinyRun.Values(whole));
        kept.Begin(1);
        Assert.Equal(at, TinyRun.Values(whole));
    }

    [Fact]
    public void Stages_end_when_the_next_is_not_predicted_to_pay()
    {
        IncrementalResult Run(double? least)
        {
            using TextClassifier<string> model = Model();
            // Nothing is learned, so that more data is not predicted to help.
            return Recipe(model).WithOptimizer(Optimizer.Sgd(1e-9)).Epochs(1).Incrementally(new IncrementalOptions { Stages = [4, 8, 16, 32, 48], MinimalGain = least }).Train(Moods);
        }
        IncrementalResult stopped = Run(0.9), all = Run(null);
        Assert.Equal(3, stopped.Stages.Count);
        Assert.Contains("expected to gain less than 0.9", stopped.Stopped!, StringComparison.Ordinal);
        Assert.Contains("expected to gain less", stopped.ToString(), StringComparison.Ordinal);
        Assert.Equal(5, all.Stages.Count);
    }

    [Fact]
    public void A_saved_model_goes_on_with_new_data_replays_the_old_and_its_forecast_knows_the_earlier_stages()
    {
        string folder = Path.Combine(Path.GetTempPath(), $"stages-{Guid.NewGuid():N}");
        IReadOnlyList<StageScore> earlier;
        using (TextClassifier<string> first = Model())
        {
            earlier = Recipe(first).Incrementally(new IncrementalOptions { Stages = [6, 24], MinimalGain = null }).Train(Moods[..24]).Scores;
            first.Save(folder);
        }
        using TextClassifier<string> model = Pretrained.TextClassifier<string>(folder);
        IncrementalResult result = Recipe(model).Incrementally(new IncrementalOptions { Earlier = earlier, Stages = [12, 24], MinimalGain = null })
            .WithReplay(Moods[..24], share: 0.25).Train(Moods[24..]);
        Assert.Equal([36, 48], result.Stages.Select(stage => stage.Rows));
        // A quarter of the rows of a stage are old ones.
        Assert.Equal([16, 32], result.Stages.Select(stage => stage.Run.TrainingRows));
        Assert.NotNull(result.Stages[0].Forecast);
        Assert.Equal(96, result.Forecast!.Twice.Rows);
        Directory.Delete(folder, recursive: true);
    }

    [Fact]
    public void It_repeats_to_the_bit_goes_with_augmentation_and_other_heads_and_ends_with_a_cancellation()
    {
        float[] Tuned()
        {
            using TextClassifier<string> model = Model();
            Recipe(model).WithAugmentation([Augmentation.Words()]).Incrementally(new IncrementalOptions { FirstRows = 12 }).Train(Moods);
            return Values(model);
        }
        Assert.Equal(Tuned(), Tuned());
        TaggedText[] sentences = [.. Enumerable.Range(0, 16).Select(i => (TaggedText)new TaggedWords(["anna", "paid", "for", "it"], [i % 2 == 0 ? "B-PER" : "O", "O", "O", "O"]))];
        using TokenClassifier tagger = Pretrained.TokenClassifier(Starter, ["PER"]);
        IncrementalResult tagged = FineTuner.For(tagger).Epochs(1).ValidateOn(sentences).Incrementally(new IncrementalOptions { FirstRows = 4 })
            .StratifiedBy(row => ((TaggedWords)row).Tags[0]).Train(sentences);
        Assert.Equal([4, 16], tagged.Stages.Select(stage => stage.Rows));
        using TextClassifier<string> cancelled = Model();
        using var source = new CancellationTokenSource();
        IncrementalResult ended = Recipe(cancelled).OnEvaluation(_ => source.Cancel()).Incrementally(new IncrementalOptions { FirstRows = 12 }).Train(Moods, source.Token);
        Assert.Single(ended.Stages);
        Assert.Contains("Cancelled", ended.Stopped!, StringComparison.Ordinal);
    }

    [Fact]
    public void What_is_wrong_is_said_at_once_before_data_is_read()
    {
        using TextClassifier<string> model = Model();
        IEnumerable<LabeledText<string>> Unread()
        {
            throw new InvalidOperationException("the data was read");
#pragma warning disable CS0162 // Makes the method an iterator.
            yield break;
#pragma warning restore CS0162
        }
        var options = new IncrementalOptions
        {
            Stages = [10, 5], Growth = 1, FirstRows = 1, Start = (StageStart)9, Shrink = 2, Perturb = 2, CoolDown = 0, MinimalGain = -1, PricePerLabel = -1, ValuePerPoint = -1,
            Earlier = [new(5, 0.5), new(5, 0.6)],
        };
        var failure = Assert.Throws<InvalidOptionsException>(() => FineTuner.For(model).BatchSize(0).CheckpointTo("x").Incrementally(options).WithReplay(Unread(), 1).Train(Unread()));
        Assert.Equal(15, failure.Violations.Count);
        Assert.Contains("49", Assert.Throws<InvalidOptionsException>(() => Recipe(model).Incrementally(new IncrementalOptions { Stages = [10, 49] }).Train(Moods)).Message, StringComparison.Ordinal);
    }

    private static FineTuner<LabeledText<string>> Recipe(TextClassifier<string> model) =>
        FineTuner.For(model).Epochs(2).BatchSize(4).WithOptimizer(Optimizer.AdamW(1e-3)).ValidateOn(Dev);

    private static TextClassifier<string> Model() => Pretrained.TextClassifier(Starter, new TextClassifierOptions<string> { Labels = ["bad", "good"] });

    private static float[] Values(TextClassifier<string> model) => [.. model.Weights.SelectMany(weight => weight.Value.data<float>().ToArray())];
}
