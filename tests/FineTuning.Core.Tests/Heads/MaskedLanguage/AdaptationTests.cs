using FineTuning.Examples;
using FineTuning.Heads;
using FineTuning.Models;
using FineTuning.Training;
using TorchSharp;
using Xunit;

namespace FineTuning.Tests.Heads;

/// <summary>First the domain, then the task: from memory and from the saved folder.</summary>
public sealed class AdaptationTests
{
    private static readonly string Starter = Path.Combine(Goldens.Repository, "docs", "samples", "QuickStart", "starter");
    private static readonly string[] Texts = ["please reset my password", "the invoice is wrong again", "where is my order", "the order never arrived"];

    [Fact]
    public void An_adapted_model_is_a_classifier_in_one_call_from_memory_and_from_its_folder()
    {
        string folder = Path.Combine(Path.GetTempPath(), $"adapted-{Guid.NewGuid():N}");
        try
        {
            using MaskedLanguageModel adapted = Pretrained.MaskedLanguageModel(Starter, new MaskedLanguageOptions { MaximumLength = 32 });
            FineTuner.For(adapted).WithOptimizer(Optimizer.AdamW(learningRate: 1e-3)).Epochs(2).Train(Texts);
            adapted.Save(folder);
            var options = new TextClassifierOptions<bool> { Seed = 3, MaximumLength = 32 };
            using TextClassifier<bool> memory = Pretrained.TextClassifier(adapted, options), file = Pretrained.TextClassifier(folder, options);
            Assert.Equal(Scores(file), Scores(memory));
            Assert.Equal(file.Encoder.LoadReport.Mapped.Order(), memory.Encoder.LoadReport.Mapped.Order());
            Assert.Equal(["bert.pooler.dense.weight", "bert.pooler.dense.bias", "classifier.weight", "classifier.bias"], memory.Encoder.LoadReport.Fresh);
            Assert.All(memory.Encoder.LoadReport.Ignored, name => Assert.StartsWith("cls.predictions.", name, StringComparison.Ordinal));
            Assert.NotEmpty(memory.Encoder.LoadReport.Ignored);

            // The copy learns by itself: what it came from stays.
            string before = adapted.Predict("please [MASK]").ToString();
            FineTuner.For(memory).WithOptimizer(Optimizer.AdamW(learningRate: 1e-3)).Epochs(1).Train([.. Texts.Select((text, i) => new LabeledText<bool>(text, i % 2 == 0))]);
            Assert.Equal(before, adapted.Predict("please [MASK]").ToString());
        }
        finally
        {
            if (Directory.Exists(folder)) Directory.Delete(folder, recursive: true);
        }
    }

    [Fact]
    public void Other_heads_start_from_it_too_and_outlive_it()
    {
        TextMultiLabeler<string> labeler;
        TextRegressor regressor;
        using (MaskedLanguageModel adapted = Pretrained.MaskedLanguageModel(Starter))
        {
            labeler = Pretrained.TextMultiLabeler(adapted, new TextMultiLabelerOptions<string> { Labels = ["a", "b", "c"] });
            regressor = Pretrained.TextRegressor(adapted);
        }
        using (labeler) Assert.Equal(3, labeler.Predict("some text").Scores.Count);
        using (regressor) Assert.True(double.IsFinite(regressor.Predict("some text").Score));
    }

    [Fact]
    public void The_same_head_is_copied_and_equal()
    {
        using EncoderModel model = EncoderModel.Load(Starter, HeadKind.SequenceClassification, 4), copy = model.WithHead(HeadKind.SequenceClassification, 4);
        Assert.Empty(copy.LoadReport.Fresh);
        Assert.Empty(copy.LoadReport.Ignored);
        Assert.Equal(model.Weights.Select(weight => weight.Name), copy.Weights.Select(weight => weight.Name));
        Assert.All(model.Weights, weight => Assert.True(weight.Value.eq(copy.Weights.Find(weight.Name)!.Value).all().ToBoolean()));
        Assert.All(model.Weights, weight => Assert.NotEqual(weight.Value.Handle, copy.Weights.Find(weight.Name)!.Value.Handle));
    }

    private static float[] Scores(TextClassifier<bool> model) => [.. model.PredictBatch(Texts).Select(answer => (float)answer.Confidence)];
}
