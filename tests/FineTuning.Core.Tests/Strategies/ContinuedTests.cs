using FineTuning.Adapters;
using FineTuning.Batching;
using FineTuning.Errors;
using FineTuning.Examples;
using FineTuning.Heads;
using FineTuning.Metrics;
using FineTuning.Models;
using FineTuning.Strategies;
using FineTuning.Tests.Training;
using FineTuning.Training;
using TorchSharp;
using Xunit;

namespace FineTuning.Tests.Strategies;

/// <summary>Runs that watch over what was learned before: what is measured, what protects, and the line between old and new.</summary>
public sealed class ContinuedTests
{
    private const double Rate = 0.05;
    private static readonly string Starter = Goldens.Starter;
    private static readonly IdsWithLabel[] New = TinyRun.Data(8), Dev = TinyRun.Data(6, 2), Old = TinyRun.Data(8, 3), OldTest = TinyRun.Data(6, 4);

    private static readonly LabeledText<string>[] Moods = [.. Enumerable.Range(0, 12).Select(i => new LabeledText<string>(
        $"the order number {i} is {(i % 2 == 0 ? "wrong" : "fine")}", i % 2 == 0 ? "bad" : "good"))];

    private static readonly TaggedText[] Names = [.. Enumerable.Range(0, 8).Select(i => (TaggedText)new TaggedWords(["anna", "paid", "for", "it"], ["B-PER", "O", "O", "O"]))];

    [Fact]
    public void Watching_changes_nothing()
    {
        using RowsClassifier plain = TinyRun.Model(), watched = TinyRun.Model();
        double before = plain.Evaluate(OldTest)["loss"], start = plain.Evaluate(Dev)["loss"];
        TrainingResult run = Tuner(plain, 4).Train(New);
        ContinuedResult result = Tuner(watched, 4).Keeping("old", watched, OldTest).Train(New);
        Assert.Equal(TinyRun.Values(plain), TinyRun.Values(watched));
        Assert.Equal(run.Options, result.Run.Options);
        Assert.Equal(run.History, result.Run.History);
        Assert.Equal(before, result["old"].Before["loss"], 1e-12);
        Assert.Equal(plain.Evaluate(OldTest)["loss"], result["old"].After["loss"], 1e-12);
        Assert.Equal(start, result.Gained.Before["loss"], 1e-12);
        Assert.Equal(run.Metrics!["loss"], result.Gained.After["loss"], 1e-12);
        Assert.Equal(result["old"].Before["accuracy"] - result["old"].After["accuracy"], result["old"].Forgotten, 1e-12);
        Assert.Contains("old: accuracy", result.ToString(), StringComparison.Ordinal);
        Assert.Throws<KeyNotFoundException>(() => result["other"]);
    }

    [Fact]
    public void The_line_between_ends_where_the_run_began_and_ended_and_its_points_are_the_models()
    {
        using RowsClassifier model = TinyRun.Model(), moved = TinyRun.Model();
        float[] start = TinyRun.Values(model);
        ContinuedResult result = Tuner(model, 6).Keeping("old", model, OldTest).Train(New);
        float[] end = TinyRun.Values(model);
        Assert.Equal(Enumerable.Range(0, 11).Select(i => i / 10.0), result.Curve.Select(point => point.Share));
        Assert.Equal(result.Gained.Before["accuracy"], result.Curve[0].New, 1e-12);
        Assert.Equal(result["old"].Before["accuracy"], result.Curve[0].Kept[0], 1e-12);
        Assert.Equal(result["old"].After["accuracy"], result.Curve[^1].Kept[0], 1e-12);
        Assert.False(result.IsAtRecommended);

        ContinuedResult there = Tuner(moved, 6).Keeping("old", moved, OldTest).AtRecommendedPoint().Train(New);
        Assert.Equal(result.Recommended!.Share, there.Recommended!.Share);
        Assert.True(there.IsAtRecommended);
        Assert.Equal(there.Recommended.New, moved.Evaluate(Dev)["accuracy"], 1e-12);
        Assert.Equal(there.Recommended.Kept[0], moved.Evaluate(OldTest)["accuracy"], 1e-12);
        float[] values = TinyRun.Values(moved);
        for (int i = 0; i < values.Length; i++) Assert.Equal(start[i] + (there.Recommended.Share * (end[i] - start[i])), values[i], 1e-6);
    }

    [Fact]
    public void The_recommended_point_keeps_the_gain_and_forgets_least()
    {
        static MetricReport Report(double value) => new([MetricValue.Higher("accuracy", value)]);
        static MetricReport Loss(double value) => new([MetricValue.Lower("perplexity", value)]);
        var gained = new KeptScore("new", "accuracy", Report(0.2), Report(0.8));
        KeptScore[] kept = [new("old", "perplexity", Loss(10), Loss(20))];
        // Of 0.6 that was gained 0.03 may be given up.
        BetweenPoint[] curve = [new(0, 0.2, [10]), new(0.3, 0.76, [9]), new(0.5, 0.775, [12]), new(0.8, 0.79, [12]), new(1, 0.8, [20])];
        Assert.Equal(3, ContinuedRun.Recommend(curve, gained, kept));
        // Where nothing is forgotten, the newest.
        Assert.Equal(4, ContinuedRun.Recommend([.. curve.Select(point => point with { Kept = [10] })], gained, kept));
        // Where nothing was gained, the old weights may be the best.
        Assert.Equal(0, ContinuedRun.Recommend([new(0, 0.8, [10]), new(1, 0.5, [20])], gained, kept));
    }

    [Fact]
    public void A_new_head_stays_as_it_was_tuned_and_the_trunk_moves()
    {
        using Trunk trunk = Pretrained.Trunk(Starter);
        using TextClassifier<string> moods = Pretrained.TextClassifier(trunk, new TextClassifierOptions<string> { Labels = ["bad", "good"] });
        using TokenClassifier names = Pretrained.TokenClassifier(trunk, ["PER"]);
        float[] HeadOf(WeightSet weights) => [.. weights.Where(weight => weight.Depth == weights.HeadDepth).SelectMany(weight => weight.Value.data<float>().ToArray())];
        float[] tagger = HeadOf(names.Weights);
        float[]? tuned = null;
        ContinuedResult result = FineTuner.For(moods).Steps(4).BatchSize(4).ValidateOn(Moods).With(o => o with { KeepBest = false })
            .OnProgress(progress => tuned = progress.Phase == TrainingPhase.Finished ? HeadOf(moods.Weights) : tuned)
            .Keeping("names", names, Names).AtRecommendedPoint().Train(Moods);
        Assert.Equal(tuned, HeadOf(moods.Weights));
        Assert.Equal(tagger, HeadOf(names.Weights));
        Assert.Equal("f1", result["names"].Metric);
        Assert.Equal(result.Recommended!.New, moods.Evaluate(Moods)["accuracy"], 1e-12);
        Assert.Equal(result.Recommended.Kept[0], names.Evaluate(Names)["f1"], 1e-12);
        string page = Path.Combine(Directory.CreateTempSubdirectory("kept").FullName, "report.html");
        result.SaveReport(page);
        Assert.Contains("Gained and forgotten", File.ReadAllText(page), StringComparison.Ordinal);
        Directory.Delete(Path.GetDirectoryName(page)!, recursive: true);
    }

    [Fact]
    public void Elastic_weights_are_held_by_what_old_examples_need()
    {
        const double strength = 30;
        float[] Tuned(int steps, Func<ContinuedTuner<IdsWithLabel>, ContinuedTuner<IdsWithLabel>> protect)
        {
            using RowsClassifier model = TinyRun.Model();
            protect(Tuner(model, steps).Keeping("old", model, OldTest, Old)).Train(New);
            return TinyRun.Values(model);
        }
        using RowsClassifier fresh = TinyRun.Model();
        float[] start = TinyRun.Values(fresh), first = Tuned(1, tuner => tuner), second = Tuned(2, tuner => tuner);
        // At the start nothing holds; after a step what was moved is held.
        Assert.Equal(first, Tuned(1, tuner => tuner.WithElasticWeights(strength, 100)));
        float[] held = Tuned(2, tuner => tuner.WithElasticWeights(strength, 100));
        double[] fisher = FisherOf(fresh);
        for (int i = 0; i < start.Length; i++) Assert.Equal(second[i] - (Rate * strength * fisher[i] * (first[i] - start[i])), held[i], 2e-6);
        Assert.Contains(fisher, value => value > 1e-4);
    }

    [Fact]
    public void Old_batches_stand_evenly_between_new_ones_and_every_row_has_its_turn()
    {
        int[] own = [.. Enumerable.Repeat(5, 40)];
        int[][] kept = [[.. Enumerable.Repeat(4, 9)], [.. Enumerable.Repeat(6, 15)]];
        var plan = new ReplayPlan(own, kept, new BatchRules(4, null, true, true, 1, 100), 0.2);
        Assert.Equal(3, plan.Replayed);
        var seen = new int[64];
        for (int epoch = 0; epoch < 14; epoch++)
        {
            IReadOnlyList<PlannedBatch> batches = plan.Of(5, epoch);
            Assert.Equal(plan.Count, batches.Count);
            Assert.Equal(batches.Select(batch => batch.Rows), plan.Of(5, epoch).Select(batch => batch.Rows));
            foreach (int row in batches.SelectMany(batch => batch.Rows)) seen[row]++;
            int[] old = [.. Enumerable.Range(0, batches.Count).Where(i => batches[i].Rows[0] >= 40)];
            Assert.Equal(3, old.Length);
            Assert.All(old.Skip(1).Zip(old), pair => Assert.InRange(pair.First - pair.Second, 4, 5));
        }
        // 42 old batches, 21 of each: seven passes of three batches, and five of four with one left.
        Assert.All(seen[..40], count => Assert.Equal(14, count));
        Assert.All(seen[40..49], count => Assert.Equal(7, count));
        Assert.All(seen[49..], count => Assert.InRange(count, 5, 6));
    }

    [Fact]
    public void Replay_is_the_loss_of_old_rows_and_accumulated_equals_whole()
    {
        float[] Tuned(int batch)
        {
            using RowsClassifier model = TinyRun.Model(0);
            // Each step is eight new and eight old rows, whatever the micro-batches are.
            Tuner(model, 2).BatchSize(batch, 16 / batch).Keeping("old", model, OldTest, Old).WithReplay(0.5).Train(New);
            return TinyRun.Values(model);
        }
        Assert.All(Tuned(2).Zip(Tuned(8)), pair => Assert.Equal(pair.First, pair.Second, 2e-6));
        using RowsClassifier both = TinyRun.Model(0);
        double expected = (both.Evaluate(New)["loss"] + both.Evaluate(Old)["loss"]) / 2;
        ContinuedResult result = Tuner(both, 1).BatchSize(8, 2).Keeping("old", both, OldTest, Old).WithReplay(0.5).Train(New);
        Assert.Equal(expected, result.Run.FinalLoss, 1e-5);
    }

    [Fact]
    public void What_is_distilled_alone_begins_without_loss_and_holds_the_answers()
    {
        (double First, double Moved) Tuned(double share)
        {
            using TextClassifier<string> model = Pretrained.TextClassifier(Starter, new TextClassifierOptions<string> { Labels = ["bad", "good"], Dropout = 0 });
            double before = model.Predict(Moods[0].Text).Confidence;
            var tuner = FineTuner.For(model).Steps(6).BatchSize(4).WithOptimizer(Optimizer.Sgd(0.2)).ValidateOn(Moods).With(o => o with { KeepBest = false })
                .Keeping("old", model, Moods);
            ContinuedResult result = (share > 0 ? tuner.WithDistillation(share, 3) : tuner).Train(Moods);
            return (result.Run.History[0].Loss, Math.Abs(model.Predict(Moods[0].Text).Confidence - before));
        }
        (double first, double moved) = Tuned(1);
        Assert.Equal(0, first, 1e-6);
        Assert.Equal(0, moved, 1e-5);
        Assert.True(Tuned(0.9).Moved < Tuned(0).Moved);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(0.3)]
    public void A_protected_run_reads_what_the_model_reads(double replay)
    {
        using TextClassifier<string> model = Pretrained.TextClassifier(Starter, new TextClassifierOptions<string> { Labels = ["bad", "good"] });
        Assert.Null(model.WhyInputsChange);
        using var view = new ContinuedModel(model, [new KeptTask<LabeledText<string>>("old", model, Moods, Moods)], new(Replay: replay, Distilled: 0.5));
        // So states below what trains can be kept.
        Assert.Null(view.WhyInputsChange);
    }

    [Fact]
    public void Replay_of_another_head_is_distilled_too_and_both_heads_learn()
    {
        float[] Tuned(out string text)
        {
            using Trunk trunk = Pretrained.Trunk(Starter);
            using TextClassifier<string> moods = Pretrained.TextClassifier(trunk, new TextClassifierOptions<string> { Labels = ["bad", "good"] });
            using TokenClassifier names = Pretrained.TokenClassifier(trunk, ["PER"]);
            float[] before = [.. names.Weights.SelectMany(weight => weight.Value.data<float>().ToArray())];
            ContinuedResult result = FineTuner.For(moods).Epochs(2).BatchSize(4).ValidateOn(Moods)
                .Keeping("names", names, Names, Names).WithReplay(0.3).WithDistillation().WithElasticWeights(10, 4).Train(Moods);
            text = result.ToString();
            Assert.Equal(result.Run.Options, TrainingOptions.FromJson(result.Run.Options.ToJson()));
            float[] after = [.. names.Weights.SelectMany(weight => weight.Value.data<float>().ToArray())];
            Assert.NotEqual(before, after);
            return after;
        }
        Assert.Equal(Tuned(out string first), Tuned(out _));
        Assert.Contains("names: f1", first, StringComparison.Ordinal);
    }

    [Fact]
    public void A_protected_run_that_was_stopped_goes_on_to_the_same_bits()
    {
        string folder = Directory.CreateTempSubdirectory("kept").FullName;
        float[] Tuned(string own, long? stop)
        {
            using TextClassifier<string> model = Pretrained.TextClassifier(Starter, new TextClassifierOptions<string> { Labels = ["bad", "good"] });
            using var source = new CancellationTokenSource();
            FineTuner.For(model).Steps(8).BatchSize(4).ValidateOn(Moods).CheckpointTo(Path.Combine(folder, own), every: 1).Resume()
                .OnProgress(progress =>
                {
                    if (progress.Phase == TrainingPhase.Training && progress.Step == stop) source.Cancel();
                })
                .Keeping("old", model, Moods, Moods).WithReplay(0.4).WithDistillation().WithElasticWeights(100, 4).Train(Moods, source.Token);
            return [.. model.Weights.SelectMany(weight => weight.Value.data<float>().ToArray())];
        }
        float[] whole = Tuned("whole", null);
        float[] stopped = Tuned("parts", 4);
        Assert.NotEqual(whole, stopped);
        Assert.Equal(whole, Tuned("parts", null));
        Directory.Delete(folder, recursive: true);
    }

    [Fact]
    public void What_is_wrong_is_said_at_once_before_data_is_read()
    {
        using RowsClassifier model = TinyRun.Model(), other = TinyRun.Model();
        IEnumerable<IdsWithLabel> Unread()
        {
            throw new InvalidOperationException("the data was read");
#pragma warning disable CS0162 // Makes the method an iterator.
            yield break;
#pragma warning restore CS0162
        }
        var failure = Assert.Throws<InvalidOptionsException>(() => FineTuner.For(model).BatchSize(0).Keeping("old", other, Unread()).Keeping("old", model, Unread())
            .WithReplay(2).WithElasticWeights(-1, 0).WithDistillation(2, 0).Train(Unread()));
        // No validation data, the name twice, a foreign model, two tasks without data, nothing to distil, five settings and the batch size.
        Assert.Equal(12, failure.Violations.Count);
        Assert.Contains("'new'", Assert.Throws<InvalidOptionsException>(() => Tuner(model, 1).Keeping("new", model, Unread()).Train(Unread())).Message, StringComparison.Ordinal);
        // An adapter that does not fit is no surprise after the data was read, and leaves nothing behind.
        Assert.Throws<InvalidOptionsException>(() => Tuner(model, 1).WithAdapter(Adapter.Lora(2).On(l => l.Named("no_such_module"))).Keeping("old", model, Unread()).Train(Unread()));
        Assert.Empty(model.Adapters.Names);
        var recipe = new TrainingOptions { Features = [new ContinuedTraining(Replay: 0.5)] };
        Assert.Contains("Keeping", Assert.Throws<InvalidOptionsException>(() => TinyRun.Run(model, recipe)).Message, StringComparison.Ordinal);
    }

    private static FineTuner<IdsWithLabel> Tuner(RowsClassifier model, int steps) => FineTuner.For(model).Steps(steps).BatchSize(8).ValidateOn(Dev)
        .WithOptimizer(Optimizer.Sgd(Rate)).WithScheduler(Schedule.Constant()).ClipGradients(null).With(o => o with { KeepBest = false, Shuffle = false });

    // Squared gradients of single rows, from runs of one step over one row each.
    private static double[] FisherOf(RowsClassifier fresh)
    {
        float[] start = TinyRun.Values(fresh);
        var sum = new double[start.Length];
        foreach (IdsWithLabel row in Old)
        {
            using RowsClassifier model = TinyRun.Model(0);
            TinyRun.Run(model, new TrainingOptions
            {
                Steps = 1, BatchSize = 1, Optimizer = Optimizer.Sgd(1), Schedule = Schedule.Constant(), ClipNorm = null, KeepBest = false,
            }, data: [row]);
            float[] after = TinyRun.Values(model);
            for (int i = 0; i < sum.Length; i++) sum[i] += Math.Pow(start[i] - after[i], 2) / Old.Length;
        }
        return sum;
    }
}
