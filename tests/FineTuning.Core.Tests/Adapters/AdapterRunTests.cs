using FineTuning.Adapters;
using FineTuning.Errors;
using FineTuning.Examples;
using FineTuning.Heads;
using FineTuning.Models;
using FineTuning.Training;
using TorchSharp;
using Xunit;
using static TorchSharp.torch;

namespace FineTuning.Tests.Adapters;

/// <summary>Adapters through the tuner: the base stays, the head is saved with it, a service keeps several, and what people miss is said.</summary>
public sealed class AdapterRunTests
{
    private static readonly LabeledText<string>[] Data =
        [.. Enumerable.Range(0, 12).Select(i => new LabeledText<string>(i % 2 == 0 ? $"a good thing number {i}" : $"the bad one {i}", i % 2 == 0 ? "good"
            : "bad"))];

    private static string Checkpoint => Goldens.Require("pipelines", "bert-classify");

    private static TextClassifier<string> Open() => Pretrained.TextClassifier<string>(Checkpoint, new() { Labels = ["bad", "good"], FreshHead = true });

    [Fact]
    public void A_run_tunes_the_adapter_and_the_head_and_leaves_the_base()
    {
        using var scope = NewDisposeScope();
        using TextClassifier<string> model = Open();
        Tensor[] before = [.. model.Weights.Select(weight => weight.Value.clone())];
        Weight[] weights = [.. model.Weights];
        TrainingResult result = FineTuner.For(model).WithAdapter(Adapter.Lora(rank: 4, alpha: 8).On(l => l.AllLinear()))
            .WithOptimizer(Optimizer.AdamW(learningRate: 1e-2)).Epochs(3).Train(Data);
        Assert.DoesNotContain(result.Warnings, warning => warning.Contains("still zero"));
        Classification<string> tuned = model.Predict(Data[0].Text);
        model.WithoutAdapter();
        Assert.All(weights.Zip(before), pair => Assert.True(pair.First.Value.eq(pair.Second).all().item<bool>(), pair.First.Name));
        model.UseAdapter("default");
        Assert.Equal(tuned.Confidence, model.Predict(Data[0].Text).Confidence);

        DirectoryInfo target = Directory.CreateTempSubdirectory("adapter");
        try
        {
            string folder = Path.Combine(target.FullName, "tuned");
            model.SaveAdapter(folder);
            using TextClassifier<string> other = Open();
            other.LoadAdapter(folder);
            Assert.Equal(tuned.Confidence, other.Predict(Data[0].Text).Confidence, 6);
            Assert.Throws<InvalidOperationException>(() => model.Save(Path.Combine(target.FullName, "whole")));
            model.Adapters.Merge();
            model.Save(Path.Combine(target.FullName, "merged"));
            using TextClassifier<string> merged = Pretrained.TextClassifier<string>(Path.Combine(target.FullName, "merged"));
            Assert.Equal(tuned.Confidence, merged.Predict(Data[0].Text).Confidence, 5);
        }
        finally
        {
            target.Delete(recursive: true);
        }
    }

    [Fact]
    public void A_second_run_goes_on_with_the_same_adapter_and_another_is_refused()
    {
        using TextClassifier<string> model = Open();
        var tuner = FineTuner.For(model).WithAdapter(Adapter.Lora(rank: 2)).WithOptimizer(Optimizer.AdamW(learningRate: 1e-2)).Epochs(1);
        tuner.Train(Data);
        tuner.Train(Data);
        Assert.Single(model.Adapters.Names);
        InvalidOptionsException second = Assert.Throws<InvalidOptionsException>(() => tuner.WithAdapter(Adapter.Lora(rank: 4)).Train(Data));
        Assert.Contains("already", second.Message);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(-1)]
    public void A_rank_below_one_is_refused(int rank)
    {
        using TextClassifier<string> model = Open();
        Assert.Contains("rank", Assert.Throws<InvalidOptionsException>(() => FineTuner.For(model).WithAdapter(Adapter.Lora(rank, 1)).Train(Data)).Message);
    }

    [Fact]
    public void Targets_that_mean_nothing_are_refused_by_name()
    {
        using TextClassifier<string> model = Open();
        InvalidOptionsException fault = Assert.Throws<InvalidOptionsException>(() => model.Adapters.Add(Adapter.Lora().On(l => l.Named("qproj"))));
        Assert.Contains("query", fault.Message);
        Assert.Null(model.Adapters.Active);
        Assert.Throws<InvalidOptionsException>(() => model.Adapters.Add(Adapter.Lora().On(l => l.Named("query", "qproj"))));
        model.Adapters.Add(Adapter.Lora());
    }

    [Fact]
    public void An_adapter_that_learned_nothing_is_named()
    {
        using TextClassifier<string> model = Open();
        TrainingResult result = FineTuner.For(model).WithAdapter(Adapter.Lora(rank: 2)).Freeze(weights => weights.Named("*lora*"))
            .WithOptimizer(Optimizer.AdamW(learningRate: 1e-5)).Epochs(1).Train(Data);
        Assert.Contains(result.Warnings, warning => warning.Contains("still zero") && warning.Contains("query"));
        Assert.Contains(result.Warnings, warning => warning.Contains("learning rate"));
    }

    [Fact]
    public async Task Adapters_are_switched_while_others_predict()
    {
        using TextClassifier<string> model = Open();
        model.Adapters.Add(Adapter.Lora(rank: 2), "one");
        model.Adapters.Add(Adapter.Scaling(), "two");
        using var stop = new CancellationTokenSource();
        int answers = 0;
        Task asking = Task.Run(() =>
        {
            for (; !stop.IsCancellationRequested; Interlocked.Increment(ref answers)) _ = model.Predict("a good thing");
        });
        for (int i = 0; i < 50; i++)
        {
            int before = Volatile.Read(ref answers);
            model.UseAdapter(i % 2 == 0 ? "one" : "two");
            // Each adapter answers at least once before the next takes its turn.
            SpinWait.SpinUntil(() => asking.IsCompleted || Volatile.Read(ref answers) > before);
        }
        await stop.CancelAsync();
        await asking;
        Assert.True(answers >= 50);
    }

    [Fact]
    public void A_recipe_with_an_adapter_is_read_again()
    {
        using TextClassifier<string> model = Open();
        TrainingOptions options = FineTuner.For(model).WithAdapter(Adapter.Lora(rank: 4, alpha: 8).On(l => l.AllLinear().Except("pooler.dense"))).Options;
        Assert.Equal(options, TrainingOptions.FromJson(options.ToJson()));
        FineTuner.For(model).With(_ => TrainingOptions.FromJson(options.ToJson()) with { Epochs = 1 }).Train(Data);
        Assert.Equal("default", model.Adapters.Active);
        Assert.DoesNotContain(model.Adapters.ModulesOf("default"), path => path.Contains("pooler"));
    }
}
