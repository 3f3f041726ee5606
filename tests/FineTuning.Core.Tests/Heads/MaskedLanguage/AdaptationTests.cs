using FineTuning.Examples;
using FineTuning.Heads;
using FineTuning.Models;
using FineTuning.Strategies;
using FineTuning.Training;
using TorchSharp;
using Xunit;

namespace FineTuning.Tests.Heads;

/// <summary>First the domain, then the task: from memory and from the saved folder.</summary>
public sealed class AdaptationTests
{
    private static readonly string Starter = Goldens.Starter;
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
            using TextClassifier<bool> memory = Pretrained.TextClassifier(adapted.Trunk, options), file = Pretrained.TextClassifier(folder, options);
            Assert.Equal(Scores(file), Scores(memory));
            Assert.Equal(file.Head.LoadReport.Mapped.Select(Unprefixed).Order(), memory.Head.LoadReport.Mapped.Select(Unprefixed).Order());
            Assert.Equal(["bert.pooler.dense.weight", "bert.pooler.dense.bias", "classifier.weight", "classifier.bias"], memory.Head.LoadReport.Fresh);

            // A copy learns by itself: what it came from stays.
            string before = adapted.Predict("please [MASK]").ToString();
            using Trunk copy = adapted.Trunk.Copy();
            using TextClassifier<bool> apart = Pretrained.TextClassifier(copy, options);
            Assert.Equal(Scores(file), Scores(apart));
            FineTuner.For(apart).WithOptimizer(Optimizer.AdamW(learningRate: 1e-3)).Epochs(1).Train([.. Texts.Select((text, i) => new LabeledText<bool>(text, i % 2 == 0))]);
            Assert.Equal(before, adapted.Predict("please [MASK]").ToString());
            Assert.Equal(Scores(file), Scores(memory));
        }
        finally
        {
            if (Directory.Exists(folder)) Directory.Delete(folder, recursive: true);
        }
    }

    [Fact]
    public void Other_heads_over_texts_start_from_it_too_and_outlive_it()
    {
        TextMultiLabeler<string> labeler;
        TextRegressor regressor;
        using (MaskedLanguageModel adapted = Pretrained.MaskedLanguageModel(Starter))
        {
            labeler = Pretrained.TextMultiLabeler(adapted.Trunk, new TextMultiLabelerOptions<string> { Labels = ["a", "b", "c"] });
            regressor = Pretrained.TextRegressor(adapted.Trunk);
        }
        using (labeler) Assert.Equal(3, labeler.Predict("some text").Scores.Count);
        using (regressor) Assert.True(double.IsFinite(regressor.Predict("some text").Score));
    }

    /// <summary>A tagger, an answerer and a sentence encoder out of memory are to the bit those out of the folder that the adapted model was saved to.</summary>
    [Fact]
    public void Every_head_from_memory_is_the_one_from_its_folder()
    {
        string folder = Path.Combine(Path.GetTempPath(), $"adapted-{Guid.NewGuid():N}");
        try
        {
            using MaskedLanguageModel adapted = Pretrained.MaskedLanguageModel(Starter, new MaskedLanguageOptions { MaximumLength = 32 });
            FineTuner.For(adapted).WithOptimizer(Optimizer.AdamW(learningRate: 1e-3)).Epochs(1).Train(Texts);
            adapted.Save(folder);
            string[] types = ["PER", "LOC"];
            var tags = new TokenClassifierOptions { Seed = 3, Crf = true };
            using (TokenClassifier memory = Pretrained.TokenClassifier(adapted.Trunk, types, tags), file = Pretrained.TokenClassifier(folder, types, tags))
            {
                Assert.True(memory.HasCrf);
                Same(memory.Weights, file.Weights, memory.Head.LoadReport, file.Head.LoadReport);
                Assert.Equal(file.Tag("where", "is", "my", "order").Words, memory.Tag("where", "is", "my", "order").Words);
            }
            var questions = new QuestionAnswererOptions { Seed = 3, AllowsNoAnswer = true, MaximumLength = 32 };
            using (QuestionAnswerer memory = Pretrained.QuestionAnswerer(adapted.Trunk, questions), file = Pretrained.QuestionAnswerer(folder, questions))
            {
                Same(memory.Weights, file.Weights, memory.Head.LoadReport, file.Head.LoadReport);
                Assert.Equal(file.Predict("what is wrong?", Texts[1]).ToString(), memory.Predict("what is wrong?", Texts[1]).ToString());
            }
            using (SentenceEncoder memory = Pretrained.SentenceEncoder(adapted.Trunk), file = Pretrained.SentenceEncoder(folder))
            {
                Same(memory.Weights, file.Weights, memory.LoadReport, file.LoadReport);
                Assert.Equal(file.Encode(Texts[0]), memory.Encode(Texts[0]));
                Assert.Equal([SentencePooling.Mean], memory.Pooling);
            }
            using FewShotClassifier<string> few = Pretrained.FewShotClassifier(adapted.Trunk, new FewShotOptions<string> { PairsPerText = 0 });
            Assert.False(few.IsTrained);
            few.Train([.. Texts.Select((text, i) => new LabeledText<string>(text, i < 2 ? "account" : "delivery"))]);
            Assert.Equal("account", few.Predict(Texts[0]).Label);
        }
        finally
        {
            if (Directory.Exists(folder)) Directory.Delete(folder, recursive: true);
        }
    }

    /// <summary>The one call keeps what was learned: an adapted trunk, not the checkpoint's, is under the new head; the new head itself is learned from there.</summary>
    [Fact]
    public void An_adapted_trunk_is_under_every_head()
    {
        using MaskedLanguageModel adapted = Pretrained.MaskedLanguageModel(Starter, new MaskedLanguageOptions { MaximumLength = 32 });
        FineTuner.For(adapted).WithOptimizer(Optimizer.AdamW(learningRate: 1e-2)).Epochs(1).Train(Texts);
        using TokenClassifier tagger = Pretrained.TokenClassifier(adapted.Trunk, ["PER"]);
        using QuestionAnswerer answerer = Pretrained.QuestionAnswerer(adapted.Trunk);
        using SentenceEncoder sentences = Pretrained.SentenceEncoder(adapted.Trunk);
        using OutputHead original = OutputHead.Load(Starter, HeadKind.None);
        Weight[] trunk = [.. adapted.Weights.Where(weight => weight.Depth <= adapted.Trunk.Plan.LayerCount)];
        Assert.Contains(trunk, weight => weight.Value.ne(original.Weights.Find(weight.Name)!.Value).any().item<bool>());
        foreach (WeightSet set in new[] { tagger.Weights, answerer.Weights, sentences.Weights })
        {
            Assert.All(trunk, weight => Assert.True(weight.Value.eq(set.Find(weight.Name)!.Value).all().item<bool>(), weight.Name));
            Assert.All(trunk, weight => Assert.Same(weight, set.Find(weight.Name)));
        }
    }

    [Fact]
    public void What_a_head_needs_to_know_is_asked_for()
    {
        using MaskedLanguageModel adapted = Pretrained.MaskedLanguageModel(Starter);
        Assert.Contains("the model in memory", Assert.Throws<FineTuning.Errors.InvalidOptionsException>(() => Pretrained.TokenClassifier(adapted.Trunk)).Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentNullException>(() => Pretrained.QuestionAnswerer((Trunk)null!));
    }

    [Fact]
    public void A_copied_trunk_is_equal_and_shares_nothing()
    {
        using Trunk trunk = Trunk.Load(Starter), copy = trunk.Copy();
        Assert.Empty(copy.LoadReport.Fresh);
        Assert.Empty(copy.LoadReport.Ignored);
        Assert.Equal(trunk.Weights.Select(weight => weight.Name), copy.Weights.Select(weight => weight.Name));
        Assert.All(trunk.Weights, weight => Assert.True(weight.Value.eq(copy.Weights.Find(weight.Name)!.Value).all().item<bool>()));
        Assert.All(trunk.Weights, weight => Assert.NotEqual(weight.Value.Handle, copy.Weights.Find(weight.Name)!.Value.Handle));
    }

    private static void Same(WeightSet memory, WeightSet file, LoadReport fromMemory, LoadReport fromFile)
    {
        Assert.Equal(file.Select(weight => weight.Name), memory.Select(weight => weight.Name));
        Assert.All(file, weight => Assert.True(weight.Value.eq(memory.Find(weight.Name)!.Value).all().item<bool>(), weight.Name));
        // The starter's names have no prefix, those of a folder with a head do.
        Assert.Equal(fromFile.Mapped.Select(Unprefixed).Order(), fromMemory.Mapped.Select(Unprefixed).Order());
        Assert.Equal(fromFile.Fresh, fromMemory.Fresh);
    }

    private static string Unprefixed(string name) => name.StartsWith("bert.", StringComparison.Ordinal) ? name["bert.".Length..] : name;

    private static float[] Scores(TextClassifier<bool> model) => [.. model.PredictBatch(Texts).Select(answer => (float)answer.Confidence)];
}
