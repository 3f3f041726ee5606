using FineTuning.Errors;
using FineTuning.Examples;
using FineTuning.Heads;
using FineTuning.Models;
using FineTuning.Strategies;
using FineTuning.Text;
using FineTuning.Training;
using TorchSharp;
using Xunit;

namespace FineTuning.Tests.Strategies;

/// <summary>First the domain's texts, then the task, in one chain; and the domain's words as tokens of their own.</summary>
public sealed class DomainTests
{
    private static readonly string Starter = Goldens.Starter;
    private static readonly string[] Words = ["the", "invoice", "was", "paid", "late", "again", "and", "my", "order", "never", "came"];
    private static readonly string[] Texts = [.. Enumerable.Range(0, 40).Select(i => string.Join(' ', Enumerable.Range(0, 12).Select(j => Words[(i + (j * (1 + (i % 3)))) % Words.Length])))];
    private static readonly string[] Kept = ["a film about a dog", "two old friends meet again", "rain fell on the town", "she reads a letter"];

    [Fact]
    public void A_trunk_that_was_adapted_predicts_the_domain_better_and_heads_start_from_there()
    {
        using Trunk trunk = Pretrained.Trunk(Starter), fresh = Pretrained.Trunk(Starter);
        DomainAdaptation adapted = trunk.AdaptTo(Texts, Quick());
        Assert.Same(trunk, adapted.Trunk);
        Assert.True(adapted.After["perplexity"] < adapted.Before["perplexity"], adapted.ToString());
        Assert.Null(adapted.Kept);
        Assert.NotNull(adapted.Run.ValidationData);
        // The starter came without the head of a language model.
        Assert.True(adapted.HeadWasFresh);
        using TextClassifier<bool> model = Pretrained.TextClassifier<bool>(adapted.Trunk);
        Assert.Same(trunk, model.Trunk);
        Assert.Contains(trunk.Weights, weight => weight.Value.ne(fresh.Weights.Find(weight.Name)!.Value).any().item<bool>());
        // The language model's head is gone, and the trunk is held by those who hold it.
        Assert.True(double.IsFinite(model.Predict("the invoice").Confidence));

        using Trunk again = Pretrained.Trunk(Starter);
        again.AdaptTo(Texts, Quick());
        Assert.All(trunk.Weights, weight => Assert.Equal(weight.Value.data<float>().ToArray(), again.Weights.Find(weight.Name)!.Value.data<float>().ToArray()));
    }

    [Fact]
    public void Kept_texts_say_what_was_forgotten_and_may_be_replayed()
    {
        using Trunk trunk = Pretrained.Trunk(Starter);
        DomainAdaptation adapted = trunk.AdaptTo(Texts, Quick() with { KeptTexts = Kept, Replay = 0.3, AtRecommendedPoint = true });
        ContinuedResult kept = adapted.Kept!;
        Assert.Equal("perplexity", kept["kept texts"].Metric);
        Assert.Equal(11, kept.Curve.Count);
        Assert.True(kept.IsAtRecommended);
        Assert.Contains("kept texts: perplexity", adapted.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void A_fresh_head_of_a_language_model_is_said()
    {
        using Trunk with = Pretrained.Trunk(Goldens.Require("pipelines", "bert-mask")), without = Pretrained.Trunk(Starter);
        Assert.False(with.AdaptTo(Texts, Quick()).HeadWasFresh);
        Assert.Contains("a fresh one was trained", without.AdaptTo(Texts, Quick()).ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void A_decoder_is_adapted_by_what_comes_next()
    {
        using Trunk trunk = Pretrained.Trunk(Goldens.Require("pipelines", "gpt2-generate"));
        DomainAdaptation adapted = trunk.AdaptTo(Texts, Quick());
        Assert.True(adapted.After["perplexity"] < adapted.Before["perplexity"], adapted.ToString());
    }

    [Fact]
    public void What_cannot_be_adapted_is_said_at_once()
    {
        using Trunk both = Pretrained.Trunk(Goldens.Require("pipelines", "t5-generate")), trunk = Pretrained.Trunk(Starter);
        var failure = Assert.Throws<InvalidOptionsException>(() => both.AdaptTo(Texts, new DomainOptions { MaximumLength = 1, HeldOut = 0, Replay = 0.5, AtRecommendedPoint = true }));
        Assert.Equal(5, failure.Violations.Count);
        Assert.Throws<TrainingDataException>(() => trunk.AdaptTo(["one"]));
    }

    [Fact]
    public void Language_modelling_beside_a_task_is_a_task()
    {
        using Trunk trunk = Pretrained.Trunk(Starter);
        using TextClassifier<bool> moods = Pretrained.TextClassifier<bool>(trunk);
        using MaskedLanguageModel language = Pretrained.MaskedLanguageModel(trunk, new MaskedLanguageOptions { MaximumLength = 24 });
        Assert.Same(trunk, language.Trunk);
        using MaskedLanguageModel alone = Pretrained.MaskedLanguageModel(Starter, new MaskedLanguageOptions { MaximumLength = 24 });
        Assert.Equal(alone.Evaluate(Texts)["loss"], language.Evaluate(Texts)["loss"], 1e-12);
        LabeledText<bool>[] data = [.. Texts.Select((text, i) => new LabeledText<bool>(text, i % 2 == 0))];
        MultiTaskResult result = FineTuner.For(trunk).Task("mood", moods, data[..16], data[16..24]).Task("language", language, Texts[..30], Texts[30..], weight: 0.5)
            .With(o => o with { Epochs = 2, BatchSize = 8, Optimizer = Optimizer.AdamW(1e-3) }).Train();
        Assert.Equal("perplexity", result["language"].Metric);
        Assert.True(result["language"].Together!["perplexity"] < alone.Evaluate(Texts[30..])["perplexity"]);
    }

    [Fact]
    public void Frequent_words_become_tokens_that_begin_as_the_mean_of_their_pieces()
    {
        string folder = Path.Combine(Path.GetTempPath(), $"words-{Guid.NewGuid():N}");
        try
        {
            string[] texts = [.. Enumerable.Repeat("Zyxwvut was given with qwertzuiop, not zyxwvuts.", 6), "one abcxyzabcxyz"];
            IReadOnlyList<DomainWord> words = Pretrained.AddDomainWords(Starter, folder, texts);
            PretrainedTokenizer before = PretrainedTokenizer.Load(Starter), after = PretrainedTokenizer.Load(folder);
            Assert.Equal(["Zyxwvut", "qwertzuiop", "zyxwvuts"], words.Select(word => word.Word));
            Assert.All(words, word => Assert.Equal(6, word.Occurrences));
            Assert.All(words, word => Assert.Equal(word.Tokens, before.Encode(word.Word, null, new TokenizingOptions { AddSpecialTokens = false }).Ids.Select(id => before.Token(id))));
            using Trunk old = Pretrained.Trunk(Starter), wider = Pretrained.Trunk(folder);
            foreach (DomainWord word in words)
            {
                int id = Assert.Single(after.Encode(word.Word, null, new TokenizingOptions { AddSpecialTokens = false }).Ids);
                float[][] pieces = [.. word.Tokens.Select(token => Row(old, before.TokenId(token)!.Value))];
                float[] row = Row(wider, id);
                for (int i = 0; i < row.Length; i++) Assert.Equal(pieces.Average(piece => piece[i]), row[i], 1e-6);
            }
            // A word inside another is none, in either case; what has no such word is read as before.
            Assert.Equal(after.TokenId("Zyxwvut"), after.Encode("a zyxwvut.").Ids[2]);
            Assert.DoesNotContain(after.TokenId("qwertzuiop")!.Value, after.Encode("qwertzuioping").Ids);
            Assert.Equal(before.Encode(Texts[0]).Ids, after.Encode(Texts[0]).Ids);
            wider.AdaptTo(texts, Quick());
        }
        finally
        {
            if (Directory.Exists(folder)) Directory.Delete(folder, recursive: true);
        }
    }

    [Fact]
    public void Words_that_carry_their_space_are_added_to_readers_alone()
    {
        string folder = Path.Combine(Path.GetTempPath(), $"words-{Guid.NewGuid():N}");
        var failure = Assert.Throws<InvalidOptionsException>(() => Pretrained.AddDomainWords(Goldens.Require("pipelines", "gpt2-generate"), folder, Texts));
        Assert.Contains("AddTokens", failure.Message, StringComparison.Ordinal);
        Assert.Equal(3, Assert.Throws<InvalidOptionsException>(() => Pretrained.AddDomainWords(Starter, folder, Texts, new DomainWordOptions { Count = 0, MinimalOccurrences = 0, MinimalTokens = 1 })).Violations.Count);
        Assert.False(Directory.Exists(folder));
    }

    private static float[] Row(Trunk trunk, long id) => trunk.Weights.Find("embeddings.token.weight")!.Value[id].data<float>().ToArray();

    private static DomainOptions Quick() => new()
    {
        MaximumLength = 32, HeldOut = 0.1, Recipe = o => o with { Epochs = 2, BatchSize = 8, Optimizer = Optimizer.AdamW(2e-3) },
    };
}
