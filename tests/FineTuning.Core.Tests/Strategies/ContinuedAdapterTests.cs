using FineTuning.Adapters;
using FineTuning.Examples;
using FineTuning.Heads;
using FineTuning.Models;
using FineTuning.Strategies;
using FineTuning.Tasks;
using FineTuning.Tests.Training;
using FineTuning.Training;
using TorchSharp;
using Xunit;

namespace FineTuning.Tests.Strategies;

/// <summary>An adapter is trained while old tasks are watched over: old is the model with the adapter as it begins, new with the adapter as it ends.</summary>
public sealed class ContinuedAdapterTests
{
    private const double Rate = 0.1;
    private static readonly IdsWithLabel[] New = TinyRun.Data(8), Dev = TinyRun.Data(6, 2), Old = TinyRun.Data(8, 3), OldTest = TinyRun.Data(6, 4);

    [Fact]
    public void Watching_changes_nothing_and_the_base_stays()
    {
        using RowsClassifier plain = TinyRun.Model(), watched = TinyRun.Model();
        float[] start = TinyRun.Values(plain);
        double before = plain.Evaluate(OldTest)["loss"];
        TrainingResult run = Tuner(plain, 4).Train(New);
        ContinuedResult result = Tuner(watched, 4).Keeping("old", watched, OldTest).Train(New);
        Assert.Equal(Adapted(plain), Adapted(watched));
        Assert.Equal(run.History, result.Run.History);
        // The adapter begins as the base.
        Assert.Equal(before, result["old"].Before["loss"], 1e-6);
        Assert.Equal(watched.Evaluate(OldTest)["loss"], result["old"].After["loss"], 1e-12);
        Assert.NotEqual(before, result["old"].After["loss"], 1e-4);
        Assert.Equal(11, result.Curve.Count);
        watched.WithoutAdapter();
        Assert.Equal(start, TinyRun.Values(watched));
    }

    [Fact]
    public void The_line_between_is_one_of_the_adapter()
    {
        using RowsClassifier model = TinyRun.Model(), fresh = TinyRun.Model(), plain = TinyRun.Model();
        fresh.Adapters.Add(Adapter.Lora(2).On(l => l.AllLinear()));
        float[] start = Adapted(fresh);
        Tuner(plain, 6).Train(New);
        float[] end = Adapted(plain);
        ContinuedResult result = Tuner(model, 6).Keeping("old", model, OldTest).AtRecommendedPoint().Train(New);
        float[] values = Adapted(model);
        for (int i = 0; i < values.Length; i++) Assert.Equal(start[i] + (result.Recommended!.Share * (end[i] - start[i])), values[i], 1e-6);
        Assert.Equal(result.Recommended!.Kept[0], model.Evaluate(OldTest)["accuracy"], 1e-12);
        Assert.Equal(result.Recommended.New, model.Evaluate(Dev)["accuracy"], 1e-12);
    }

    [Fact]
    public void An_adapter_of_before_is_what_is_kept()
    {
        using RowsClassifier model = TinyRun.Model();
        Tuner(model, 6).Train(Old);
        double learned = model.Evaluate(OldTest)["loss"];
        ContinuedResult result = Tuner(model, 6).Keeping("old", model, OldTest, Old).WithReplay(0.3).Train(New);
        Assert.Equal(learned, result["old"].Before["loss"], 1e-9);
        Assert.Equal(["default"], model.Adapters.Names);
    }

    [Fact]
    public void Replay_is_the_loss_of_old_rows()
    {
        using RowsClassifier both = TinyRun.Model(0);
        double expected = (both.Evaluate(New)["loss"] + both.Evaluate(Old)["loss"]) / 2;
        ContinuedResult result = Tuner(both, 1).BatchSize(8, 2).Keeping("old", both, OldTest, Old).WithReplay(0.5).Train(New);
        Assert.Equal(expected, result.Run.FinalLoss, 1e-5);
    }

    [Fact]
    public void Elastic_weights_hold_the_adapter()
    {
        float[] Tuned(int steps, double strength)
        {
            using RowsClassifier model = TinyRun.Model(0);
            ContinuedTuner<IdsWithLabel> tuner = Tuner(model, steps).Keeping("old", model, OldTest, Old);
            (strength > 0 ? tuner.WithElasticWeights(strength, 100) : tuner).Train(New);
            return Adapted(model);
        }
        using RowsClassifier fresh = TinyRun.Model(0);
        fresh.Adapters.Add(Adapter.Lora(2).On(l => l.AllLinear()));
        double[] fisher = FisherOf();
        float[] start = Adapted(fresh), first = Tuned(1, 0), second = Tuned(2, 0), held = Tuned(2, 30);
        Assert.Equal(first, Tuned(1, 30));
        for (int i = 0; i < start.Length; i++) Assert.Equal(second[i] - (Rate * 30 * fisher[i] * (first[i] - start[i])), held[i], 3e-6);
        Assert.Contains(fisher, value => value > 1e-4);
    }

    [Fact]
    public void Another_head_is_replayed_and_distilled_beside_an_adapter_and_a_stopped_run_goes_on_to_the_same_bits()
    {
        string folder = Directory.CreateTempSubdirectory("kept").FullName;
        float[] Tuned(string own, long? stop)
        {
            using var heads = new TaskHeads();
            using var source = new CancellationTokenSource();
            float[] trunk = Values(heads.Trunk.Weights), tagger = heads.ValuesOfHeads()[1];
            ContinuedResult result = FineTuner.For(heads.Mood).WithAdapter(Adapter.Lora(2).On(l => l.AllLinear())).WithOptimizer(Optimizer.AdamW(5e-3)).Steps(8).BatchSize(4)
                .ValidateOn(TaskHeads.Moods).CheckpointTo(Path.Combine(folder, own), every: 1).Resume().OnProgress(progress =>
                {
                    if (progress.Phase == TrainingPhase.Training && progress.Step == stop) source.Cancel();
                })
                .Keeping("names", heads.Tagger, TaskHeads.Names, TaskHeads.Names).WithReplay(0.4).WithDistillation().WithElasticWeights(10, 4).Train(TaskHeads.Moods, source.Token);
            Assert.Equal("f1", result["names"].Metric);
            if (stop is null) Assert.NotEqual(tagger, heads.ValuesOfHeads()[1]);
            float[] adapted = [.. Adapted(heads.Mood), .. heads.ValuesOfHeads()[1]];
            heads.Mood.WithoutAdapter();
            Assert.Equal(trunk, Values(heads.Trunk.Weights));
            return adapted;
        }
        float[] whole = Tuned("whole", null);
        Assert.NotEqual(whole, Tuned("parts", 4));
        Assert.Equal(whole, Tuned("parts", null));
        Directory.Delete(folder, recursive: true);
    }

    [Theory]
    [InlineData("lora")]
    [InlineData("norms")]
    public void A_language_model_is_distilled_while_its_adapter_learns(string method)
    {
        PromptCompletion[] texts = [.. Enumerable.Range(0, 8).Select(i => PromptCompletion.OfText($"the invoice number {i} was paid late"))];
        PromptCompletion[] old = [PromptCompletion.OfText("a film about a dog"), PromptCompletion.OfText("rain fell on the town")];
        (double First, double Moved) Tuned(double share)
        {
            using CausalLanguageModel model = Pretrained.CausalLanguageModel(Goldens.Require("pipelines", "gpt2-generate"), new LanguageModelOptions { Dropout = 0 });
            float[] start = Values(model.Weights);
            double before = model.Evaluate(old)["perplexity"];
            ContinuedResult result = FineTuner.For(model).WithAdapter(method == "lora" ? Adapter.Lora(2) : Adapter.Norms()).Steps(6).BatchSize(4).WithOptimizer(Optimizer.Sgd(0.5))
                .ClipGradients(null).ValidateOn(texts).With(o => o with { KeepBest = false }).Keeping("old", model, old, old).WithReplay(0.3).WithDistillation(share).Train(texts);
            Assert.Equal(before, result["old"].Before["perplexity"], 1e-6 * before);
            double moved = Math.Abs(result["old"].Forgotten);
            model.WithoutAdapter();
            Assert.Equal(start, Values(model.Weights));
            return (result.Run.History[0].Loss, moved);
        }
        (double first, double moved) = Tuned(1);
        Assert.Equal(0, first, 1e-5);
        Assert.Equal(0, moved, 1e-3);
        Assert.True(Tuned(0.01).Moved > 0.1);
    }

    private static FineTuner<IdsWithLabel> Tuner(RowsClassifier model, int steps) => FineTuner.For(model).WithAdapter(Adapter.Lora(2).On(l => l.AllLinear())).Steps(steps).BatchSize(8)
        .ValidateOn(Dev).WithOptimizer(Optimizer.Sgd(Rate)).WithScheduler(Schedule.Constant()).ClipGradients(null).With(o => o with { KeepBest = false, Shuffle = false });

    // Squared gradients of single rows, from runs of one step over one row each.
    private static double[] FisherOf()
    {
        using RowsClassifier fresh = TinyRun.Model(0);
        fresh.Adapters.Add(Adapter.Lora(2).On(l => l.AllLinear()));
        float[] start = Adapted(fresh);
        var sum = new double[start.Length];
        foreach (IdsWithLabel row in Old)
        {
            using RowsClassifier model = TinyRun.Model(0);
            Tuner(model, 1).WithOptimizer(Optimizer.Sgd(1)).BatchSize(1).Train([row]);
            float[] after = Adapted(model);
            for (int i = 0; i < sum.Length; i++) sum[i] += Math.Pow(start[i] - after[i], 2) / Old.Length;
        }
        return sum;
    }

    private static float[] Adapted(TunableModel model)
    {
        BuiltAdapter built = model.Adapters.Find("default");
        return [.. Values(built.Weights), .. built.Wholes.SelectMany(whole => whole.Value.detach().data<float>().ToArray())];
    }

    private static float[] Values(IEnumerable<Weight> weights) => [.. weights.SelectMany(weight => weight.Value.detach().data<float>().ToArray())];
}
