using FineTuning.Errors;
using FineTuning.Examples;
using FineTuning.Heads;
using FineTuning.Models;
using FineTuning.Strategies;
using FineTuning.Tasks;
using FineTuning.Tensors;
using FineTuning.Tests.Training;
using FineTuning.Training;
using Xunit;

namespace FineTuning.Tests.Strategies;

/// <summary>Tuning that measures first: what measuring may not do, what is chosen for easy and hard data, and what the budget holds.</summary>
public sealed class AdaptiveTests
{
    private static readonly string Starter = Goldens.Starter;

    private static readonly LabeledText<string>[] Easy = Rows(64, 0, i => i % 2 == 0), EasyDev = Rows(24, 100, i => i % 2 == 0);

    // Whether a label is right cannot be seen in the text.
    private static readonly LabeledText<string>[] Hard = Rows(64, 0, i => (i * 2654435761L >> 7) % 2 == 0), HardDev = Rows(24, 100, i => (i * 2654435761L >> 7) % 2 == 0);

    [Fact]
    public void Measuring_leaves_the_weights_and_what_trains_as_they_were()
    {
        using TextClassifier<string> model = Model();
        float[] before = Values(model);
        bool[] trains = [.. model.Weights.Select(weight => weight.IsTrainable)];
        FineTuner<LabeledText<string>> tuner = FineTuner.For(model).ValidateOn(HardDev);
        AdaptiveMeasurements measured = tuner.Run(tuner.Options, Hard, validates: true).Run(taken =>
        {
            var measuring = new AdaptiveMeasuring(model, taken, tuner.Options, AdaptiveBudget.OfRows(10_000), new RunObserver());
            AdaptiveMeasurements probed = measuring.Probe();
            return measuring.Rates(probed, AdaptiveRules.Depth(probed).Depth, new RowCost(64, 24, true));
        }, default);
        Assert.Equal(before, Values(model));
        Assert.Equal(trains, model.Weights.Select(weight => weight.IsTrainable));
        Assert.Empty(measured.LeftOut);
        Assert.Equal((64, 24, 64, 2), (measured.TrainingRows, measured.ValidationRows, measured.ProbedRows, measured.Classes));
        Assert.True(measured.Rates!.Points.Count >= 10 && measured.Rates.Suggested > 0, measured.Rates.ToString());
        Assert.False(double.IsNaN(measured.GradientNoiseScale));
        Assert.Equal(Enumerable.Range(0, 64), measured.Examples.Select(example => example.Index).Order());
        Assert.Equal(measured.UsableBits, measured.Examples.Average(example => example.Bits), 1e-9);
        Assert.Equal(measured.UsableBits, measured.Probes.Max(probe => probe.UsableBits));
        Assert.InRange(measured.Cost, 1, 1000);
    }

    [Fact]
    public void Easy_data_gets_less_than_hard_data_and_is_told_apart_by_its_information()
    {
        (AdaptiveResult Result, float[] Values) Tuned(LabeledText<string>[] data, LabeledText<string>[] dev)
        {
            using TextClassifier<string> model = Model();
            AdaptiveResult result = FineTuner.For(model).ValidateOn(dev).Adaptive(AdaptiveBudget.OfRows(2000)).Train(data);
            Assert.Equal(result.Kept.Score, model.Evaluate(dev)["accuracy"], 1e-9);
            Assert.Equal(result.Trials.Max(trial => trial.Score), result.Kept.Score);
            return (result, Values(model));
        }
        (AdaptiveResult easy, float[] values) = Tuned(Easy, EasyDev);
        (AdaptiveResult hard, _) = Tuned(Hard, HardDev);
        Assert.True(easy.Measured.Difficulty < 0.3 && hard.Measured.Difficulty > 0.8, $"{easy.Measured.Difficulty} and {hard.Measured.Difficulty}");
        Assert.True(TrainedLayers(easy.Chosen) < TrainedLayers(hard.Chosen), $"{easy}\n{hard}");
        Assert.True(easy.Cost < hard.Cost, $"{easy}\n{hard}");
        Assert.Equal(1, easy.Kept.Score);
        // The same seed measures and chooses the same, to the bit.
        (AdaptiveResult again, float[] same) = Tuned(Easy, EasyDev);
        Assert.Equal(values, same);
        Assert.Equal(easy.Chosen, again.Chosen);
        Assert.Equal(easy.Reasons, again.Reasons);
        Assert.Equal(easy.Cost, again.Cost);
    }

    [Fact]
    public void The_recipe_of_the_result_is_that_run_again_to_the_bit()
    {
        using TextClassifier<string> model = Model(), again = Model();
        AdaptiveResult result = FineTuner.For(model).ValidateOn(HardDev).Adaptive(AdaptiveBudget.OfRows(600)).Train(Hard);
        TrainingOptions recipe = TrainingOptions.FromJson(result.Recipe.ToJson());
        TrainingResult run = FineTuner.For(again).With(_ => recipe).ValidateOn(HardDev).Train(Hard);
        Assert.Equal(Values(model), Values(again));
        Assert.Equal(result.Run.History, run.History);
    }

    [Fact]
    public void A_run_goes_on_from_before_and_behind_its_revision_to_the_bit()
    {
        // So low a rate that the revision doubles it.
        TrainingOptions recipe = new TrainingOptions { Steps = 40, BatchSize = 4, Optimizer = Optimizer.Sgd(1e-9), Schedule = Schedule.Constant() }
            .With(new AdaptiveRevision(0.25));
        using RowsClassifier whole = TinyRun.Model();
        TrainingResult run = TinyRun.Run(whole, recipe);
        Assert.Equal(1e-9, run.History[9].LearningRate);
        Assert.Equal(2e-9, run.History[10].LearningRate, 1e-15);
        foreach (long step in new long[] { 2, 9, 30 })
        {
            using RowsClassifier first = TinyRun.Model(), second = TinyRun.Model();
            TinyRun.Run(first, recipe.With(new ExportOnce(step, AfterEvaluation: false)));
            using RunState state = ExportOnce.Take()!;
            TrainingResult rest = TinyRun.Run(second, recipe.With(new ExportOnce(step, AfterEvaluation: false)), state);
            ExportOnce.Take()?.Dispose();
            Assert.Equal(run.History, rest.History);
            Assert.Equal(TinyRun.Values(whole), TinyRun.Values(second));
        }
    }

    [Theory]
    [InlineData(152)] // twice the rows and the validation rows: as little as is allowed
    [InlineData(300)]
    [InlineData(700)]
    [InlineData(3000)]
    public void The_budget_is_kept_and_measuring_keeps_a_tenth_of_it(int rows)
    {
        using TextClassifier<string> model = Model();
        AdaptiveResult result = FineTuner.For(model).ValidateOn(HardDev).Adaptive(AdaptiveBudget.OfRows(rows)).Train(Hard);
        Assert.True(result.Measured.Cost <= 0.1 * rows, $"{result.Measured.Cost} of {rows}");
        Assert.True(result.Cost <= rows, $"{result.Cost} of {rows}: {result}");
        Assert.Equal(rows >= 700, result.Trials.Count > 1);
        // What had no room is said.
        Assert.Equal(rows >= 700, result.Measured.LeftOut.Count == 0);
        string page = Path.Combine(Directory.CreateTempSubdirectory("adaptive").FullName, "report.html");
        result.SaveReport(page);
        string text = File.ReadAllText(page);
        Assert.Contains("Adaptive tuning", text, StringComparison.Ordinal);
        Assert.All(result.Reasons, reason => Assert.Contains(System.Net.WebUtility.HtmlEncode(reason), text, StringComparison.Ordinal));
        Assert.All(result.Reasons.Concat(result.Measured.LeftOut), reason => Assert.Contains(reason, result.ToString(), StringComparison.Ordinal));
        Directory.Delete(Path.GetDirectoryName(page)!, recursive: true);
    }

    [Fact]
    public void A_recipe_that_gets_nowhere_gives_way_to_the_tuners_own()
    {
        using TextClassifier<string> model = Model();
        // Embeddings that do not train cannot be moved against the model.
        AdaptiveResult result = FineTuner.For(model).WithAdversarialEmbeddings().Epochs(1).ValidateOn(EasyDev).Adaptive(AdaptiveBudget.OfRows(3000)).Train(Easy);
        Assert.Contains(result.Reasons, reason => reason.StartsWith("the chosen recipe was given up", StringComparison.Ordinal));
        Assert.Equal("the tuner's own recipe", result.Kept.Name);
        Assert.Equal(result.Kept.Score, model.Evaluate(EasyDev)["accuracy"], 1e-9);
    }

    [Fact]
    public void What_was_kept_is_put_back_where_the_run_after_it_gets_nowhere()
    {
        using TextClassifier<string> model = Model();
        // Decay times rate turns every weight over, a thousandfold a step.
        AdaptiveResult result = FineTuner.For(model).WithOptimizer(Optimizer.AdamW(1000, weightDecay: 1)).ValidateOn(HardDev).Adaptive(AdaptiveBudget.OfRows(3000)).Train(Hard);
        Assert.Contains(result.Reasons, reason => reason.Contains("own recipe was given up", StringComparison.Ordinal));
        Assert.Equal("the chosen recipe", result.Kept.Name);
        Assert.Equal(result.Kept.Score, model.Evaluate(HardDev)["accuracy"], 1e-9);
        Assert.Equal(result.Kept.Run.Metrics!["loss"], model.Evaluate(HardDev)["loss"], 1e-6);
    }

    [Fact]
    public void The_better_of_both_recipes_is_kept()
    {
        using TextClassifier<string> model = Model();
        // The tuner's own recipe learns nothing.
        AdaptiveResult result = FineTuner.For(model).WithOptimizer(Optimizer.AdamW(1e-12)).Epochs(1).ValidateOn(HardDev[..20]).Adaptive(AdaptiveBudget.OfRows(4000)).Train(Easy);
        Assert.Equal(result.Trials.MaxBy(trial => trial.Score)!.Score, result.Kept.Score);
        Assert.Equal(result.Kept.Score, model.Evaluate(HardDev[..20])["accuracy"], 1e-9);
        Assert.Contains(result.Reasons, reason => reason.Contains("on the validation data the chosen recipe has", StringComparison.Ordinal));
        Assert.Equal(["the chosen recipe", "the tuner's own recipe"], result.Trials.Select(trial => trial.Name));
        Assert.Contains(result.Reasons, reason => reason.StartsWith("after a quarter of the run", StringComparison.Ordinal));
    }

    [Fact]
    public void A_trunk_that_does_not_train_gets_an_adapter_which_stays_on_the_model()
    {
        using TextClassifier<string> model = Pretrained.TextClassifier(
            Starter, new TextClassifierOptions<string> { Labels = ["bad", "good"], FrozenPrecision = Precision.BFloat16 });
        Weight[] trunk = [.. model.Trunk.Weights];
        float[][] before = [.. trunk.Select(weight => weight.Own.to(TorchSharp.torch.ScalarType.Float32).data<float>().ToArray())];
        AdaptiveResult result = FineTuner.For(model).ValidateOn(HardDev).Adaptive(AdaptiveBudget.OfRows(2000)).Train(Hard);
        Assert.Equal(TuningDepth.AdapterName, model.Adapters.Active);
        Assert.Equal(before, trunk.Select(weight => weight.Own.to(TorchSharp.torch.ScalarType.Float32).data<float>().ToArray()));
        Assert.Equal(result.Kept.Score, model.Evaluate(HardDev)["accuracy"], 1e-9);
        Assert.Contains("an adapter trains beside it", result.Reasons[0], StringComparison.Ordinal);
        // A second call would have to choose again.
        var failure = Assert.Throws<InvalidOptionsException>(() => FineTuner.For(model).ValidateOn(HardDev).Adaptive(AdaptiveBudget.OfRows(2000)).Train(Hard));
        Assert.Contains("WithoutAdapter", failure.Message, StringComparison.Ordinal);
        Assert.Contains("Adapters.Remove", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Taggers_are_probed_token_by_token()
    {
        TaggedText[] sentences = [.. Enumerable.Range(0, 40).Select(i => (TaggedText)new TaggedWords(["anna", "paid", $"number{i % 7}", "it"], [i % 2 == 0 ? "B-PER" : "O", "O", "O", "O"]))];
        using TokenClassifier tagger = Pretrained.TokenClassifier(Starter, ["PER"]);
        AdaptiveResult result = FineTuner.For(tagger).ValidateOn(sentences[..10]).Adaptive(AdaptiveBudget.OfRows(1500)).Train(sentences);
        Assert.Equal((40, 2), (result.Measured.ProbedRows, result.Measured.Classes));
        Assert.Equal(40, result.Measured.Examples.Count);
        // An eighth of the words is an entity.
        Assert.Equal(-((Math.Log2(1 / 8.0) / 8) + (Math.Log2(7 / 8.0) * 7 / 8)), result.Measured.LabelBits, 0.02);
        Assert.Equal("f1", result.Run.Metric);
    }

    [Fact]
    public void Other_heads_are_measured_as_far_as_they_can_be_and_it_is_said()
    {
        using RowsClassifier own = TinyRun.Model();
        AdaptiveResult rows = FineTuner.For(own).ValidateOn(TinyRun.Data(8, 2)).Adaptive(AdaptiveBudget.OfRows(4000)).Train(TinyRun.Data(40));
        Assert.Empty(rows.Measured.Probes);
        Assert.NotNull(rows.Measured.Rates);
        Assert.Contains("does not choose one of several classes", Assert.Single(rows.Measured.LeftOut), StringComparison.Ordinal);
        using TextRegressor regressor = Pretrained.TextRegressor(Starter);
        ScoredText[] scored = [.. Enumerable.Range(0, 32).Select(i => new ScoredText($"the order number {i}", i % 5))];
        AdaptiveResult result = FineTuner.For(regressor).ValidateOn(scored[..8]).Adaptive(AdaptiveBudget.OfRows(1500)).Train(scored);
        Assert.Contains("does not choose one of several classes", Assert.Single(result.Measured.LeftOut), StringComparison.Ordinal);
        Assert.True(double.IsNaN(result.Measured.Difficulty));
    }

    [Fact]
    public void The_noise_of_gradients_is_none_where_all_batches_are_the_same()
    {
        double Scale(int batch)
        {
            using RowsClassifier model = TinyRun.Model(0);
            var found = new NoiseReading();
            var recipe = new TrainingOptions { BatchSize = batch, Steps = 5, Optimizer = Optimizer.Sgd(1e-12), KeepBest = false };
            TinyRun.Run(model, recipe.With(new GradientNoise(5) { Found = found }));
            return found.Scale;
        }
        Assert.Equal(0, Scale(10), 1e-4);
        Assert.True(Scale(2) > 1);
    }

    [Fact]
    public void It_ends_with_a_cancellation_and_with_its_time()
    {
        using TextClassifier<string> model = Model();
        using var source = new CancellationTokenSource();
        AdaptiveResult ended = FineTuner.For(model).ValidateOn(HardDev).OnEvaluation(_ => source.Cancel()).Adaptive(AdaptiveBudget.OfRows(4000)).Train(Hard, source.Token);
        Assert.Equal(StopReason.Cancelled, Assert.Single(ended.Trials).Run.StopReason);
        var time = new SlowTime();
        using TextClassifier<string> slow = Model();
        AdaptiveResult late = FineTuner.For(slow).WithTime(time).ValidateOn(HardDev).OnEvaluation(_ => time.Pass(60_000))
            .Adaptive(AdaptiveBudget.OfTime(TimeSpan.FromMinutes(1))).Train(Hard);
        Assert.Equal(StopReason.TimeLimit, Assert.Single(late.Trials).Run.StopReason);
    }

    [Fact]
    public void A_call_that_is_cancelled_while_it_measures_leaves_the_model_as_it_was()
    {
        using TextClassifier<string> model = Model();
        float[] before = Values(model);
        FineTuner<LabeledText<string>> tuner = FineTuner.For(model).ValidateOn(HardDev);
        Assert.Throws<OperationCanceledException>(() => tuner.Run(tuner.Options, Hard, validates: true).Run(taken =>
        {
            using var adaptive = new AdaptiveRun(model, taken with { Stop = new CancellationToken(true) }, tuner.Options, AdaptiveBudget.OfRows(2000), new RunObserver());
            return adaptive.Run();
        }, default));
        Assert.Equal(before, Values(model));
    }

    [Fact]
    public async Task It_runs_on_a_thread_of_its_own()
    {
        using TextClassifier<string> model = Model();
        AdaptiveResult result = await FineTuner.For(model).ValidateOn(EasyDev).Adaptive(AdaptiveBudget.OfRows(1000)).TrainAsync(Easy, TestContext.Current.CancellationToken);
        Assert.True(result.Cost > 0);
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
        FineTuner<LabeledText<string>> wrong = FineTuner.For(model).BatchSize(0).CheckpointTo("x").Freeze(l => l.Trunk()).UnfreezeGradually().Steps(5).TimeLimit(TimeSpan.FromHours(1))
            .WithAdapter(FineTuning.Adapters.Adapter.Lora()).With(o => o with { KeepBest = false });
        var failure = Assert.Throws<InvalidOptionsException>(() => wrong.Adaptive(new AdaptiveBudget { Time = TimeSpan.Zero, Rows = 0 }).Train(Unread()));
        Assert.True(failure.Violations.Count >= 11, failure.Message);
        foreach (string named in new[] { "ValidateOn", "Freeze", "UnfreezeGradually", "Steps", "TimeLimit", "WithAdapter", "KeepBest", "CheckpointTo", "BatchSize", "Time is", "Rows is" })
            Assert.Contains(named, failure.Message, StringComparison.Ordinal);
        Assert.Contains("neither", Assert.Throws<InvalidOptionsException>(() => FineTuner.For(model).ValidateOn(Unread()).Adaptive(new AdaptiveBudget()).Train(Unread())).Message, StringComparison.Ordinal);
        float[] before = Values(model);
        Assert.Contains("152", Assert.Throws<InvalidOptionsException>(
            () => FineTuner.For(model).ValidateOn(HardDev).Adaptive(AdaptiveBudget.OfRows(151)).Train(Hard)).Message, StringComparison.Ordinal);
        Assert.Equal(before, Values(model));
    }

    private static int TrainedLayers(TrainingOptions recipe) => recipe.Frozen.ToString() == "trunk" ? 0 : recipe.Frozen.Rules.Count == 0 ? int.MaxValue : 1;

    private static LabeledText<string>[] Rows(int count, int first, Func<int, bool> isBad) => [.. Enumerable.Range(first, count).Select(i => new LabeledText<string>(
        $"the {(i % 3 == 0 ? "order" : "invoice")} number {i} is {(i % 2 == 0 ? "wrong" : "fine")}", isBad(i) ? "bad" : "good"))];

    private static TextClassifier<string> Model() => Pretrained.TextClassifier(Starter, new TextClassifierOptions<string> { Labels = ["bad", "good"] });

    private static float[] Values(TextClassifier<string> model) => [.. model.Weights.SelectMany(weight => weight.Value.data<float>().ToArray())];
}
