using FineTuning.Adapters;
using FineTuning.Examples;
using FineTuning.Heads;
using FineTuning.Training;
using Xunit;

namespace FineTuning.Tests.Heads;

/// <summary>A fresh head is untrained until steps of a run are in its weights, and again where the run is taken back.</summary>
public sealed class UntrainedHeadTests
{
    private static readonly LabeledText<bool>[] Data = [new("good", true), new("bad", false), new("fine", true), new("poor", false)];

    private static TextClassifier<bool> Model() => Pretrained.TextClassifier<bool>(Goldens.Require("pipelines", "bert-tokens"));

    [Fact]
    public void An_estimate_a_range_test_and_a_search_that_fails_train_nothing()
    {
        using TextClassifier<bool> model = Model();
        FineTuner<LabeledText<bool>> tuner = FineTuner.For(model).BatchSize(2).Steps(2);
        tuner.Estimate(Data);
        Assert.True(model.HasUntrainedHead);
        tuner.FindLearningRate(Data, new LearningRateRange { Lowest = 1e-5, Highest = 1e-3, Steps = 10 });
        Assert.True(model.HasUntrainedHead);
        bool during = true;
        Assert.Throws<InvalidOperationException>(() => FineTuner.Search(tuner.ValidateOn(Data)).Over("rate", [1e-3, 1e-2], (o, rate) => o with { Optimizer = Optimizer.AdamW(rate) })
            .OnTrial(_ =>
            {
                during = model.HasUntrainedHead;
                throw new InvalidOperationException("enough");
            }).Train(Data));
        Assert.False(during);
        Assert.True(model.HasUntrainedHead);
        tuner.ValidateOn(Data).Train(Data);
        Assert.False(model.HasUntrainedHead);
        tuner.FindLearningRate(Data, new LearningRateRange { Lowest = 1e-5, Highest = 1e-3, Steps = 10 });
        Assert.False(model.HasUntrainedHead);
    }

    [Fact]
    public void A_head_that_is_frozen_stays_untrained_and_one_of_several_tasks_is_trained_with_them()
    {
        using TextClassifier<bool> model = Model();
        using TextClassifier<bool> other = Pretrained.TextClassifier<bool>(model.Trunk);
        FineTuner.For(model).Freeze(l => l.Named("head.*").Named("pooler.*")).Steps(1).Train(Data);
        Assert.True(model.HasUntrainedHead);
        FineTuner.For(model.Trunk).Task("good", model, Data).Task("again", other, Data).With(o => o with { Steps = 8 }).Train();
        Assert.False(model.HasUntrainedHead || other.HasUntrainedHead);
    }

    [Fact]
    public void An_adapter_counts_while_it_is_used_or_merged_and_where_it_was_loaded()
    {
        string folder = Path.Combine(Directory.CreateTempSubdirectory("untrained").FullName, "adapter");
        using (TextClassifier<bool> model = Model())
        {
            FineTuner.For(model).WithAdapter(Adapter.Lora(rank: 2)).Steps(1).Train(Data);
            Assert.False(model.HasUntrainedHead);
            model.Adapters.Save(folder);
            model.Adapters.UseNone();
            Assert.True(model.HasUntrainedHead);
            model.Adapters.Use("default");
            Assert.False(model.HasUntrainedHead);
            model.Adapters.Merge();
            Assert.False(model.HasUntrainedHead);
            model.Adapters.Unmerge();
            model.Adapters.UseNone();
            Assert.True(model.HasUntrainedHead);
        }
        using TextClassifier<bool> other = Model();
        other.Adapters.Load(folder);
        Assert.False(other.HasUntrainedHead);
        Directory.Delete(Path.GetDirectoryName(folder)!, recursive: true);
    }
}
