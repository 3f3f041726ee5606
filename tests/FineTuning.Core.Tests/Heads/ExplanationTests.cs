using System.Xml.Linq;
using FineTuning.Examples;
using FineTuning.Heads;
using FineTuning.Training;
using Xunit;

namespace FineTuning.Tests.Heads;

/// <summary>Explanations say what leaving out a word does, point the right way, stand at the right characters, and show any text safely.</summary>
public sealed class ExplanationTests
{
    private static readonly string Starter = Goldens.Starter;

    [Fact]
    public void A_word_is_worth_what_the_score_loses_without_it()
    {
        using TextClassifier<string> model = Pretrained.TextClassifier(Starter, new TextClassifierOptions<string> { Labels = ["a", "b"], MaximumLength = 40 });
        using TextMultiLabeler<string> labeler = Pretrained.TextMultiLabeler(Starter, new TextMultiLabelerOptions<string> { Labels = ["a", "b"], MaximumLength = 40 });
        using TextRegressor regressor = Pretrained.TextRegressor(Starter, new TextOptions { MaximumLength = 40 });
        // Words between spaces, of one piece and of several: cutting them out of the text gives the tokens that are left.
        const string text = "please reset my unbelievable password now";
        string[] words = text.Split(' ');
        Check(model.Explain(text, "it is late", "b"), (shown, pair) => model.Logits([model.Tokenize(shown, pair)], default)[0], 1, "it is late");
        Check(labeler.Explain(text, "b"), (shown, pair) => labeler.Logits([labeler.Tokenize(shown, pair)], default)[0], 1, null);
        Check(regressor.Explain(text), (shown, pair) => regressor.Logits([regressor.Tokenize(shown, pair)], default)[0], 0, null);

        void Check(TextExplanation explanation, Func<string, string?, float[]> logits, int output, string? pair)
        {
            WordAttribution[] own = [.. explanation.Words.Where(word => word.Sequence == 0)];
            Assert.Equal(words, own.Select(word => word.Word));
            float whole = logits(text, pair)[output];
            for (int i = 0; i < own.Length; i++)
            {
                string without = string.Join(' ', words.Where((_, other) => other != i));
                Assert.Equal(whole - logits(without, pair)[output], own[i].Value, 1e-4);
            }
            if (pair is not null) Assert.Equal(whole - logits(text, "it late")[output], explanation.Words.Single(word => word is { Sequence: 1, Word: "is" }).Value, 1e-4);
            Assert.Equal(whole, explanation.Words.Sum(word => word.Value) + explanation.Rest, 1e-4);
        }
    }

    [Fact]
    public void Words_stand_where_the_text_has_them()
    {
        using TextClassifier<string> model = Pretrained.TextClassifier(Starter, new TextClassifierOptions<string> { Labels = ["a", "b"], MaximumLength = 40 });
        const string text = "Please reset   my unbelievable password!", pair = "now";
        TextExplanation explanation = model.Explain(text, pair, "b");
        Assert.Equal("b", explanation.Label);
        Assert.Equal(["Please", "reset", "my", "unbelievable", "password", "!"], explanation.Words.Where(word => word.Sequence == 0).Select(word => word.Word));
        Assert.All(explanation.Words, word => Assert.Equal(word.Word, (word.Sequence == 0 ? text : pair)[word.Start..word.End]));
        Assert.Equal(model.Predict(text, pair).Scores.First(score => score.Label == "b").Score, explanation.Score, 1e-6);
        Assert.Equal(model.Predict(text).Label, model.Explain(text).Label);
        Assert.Throws<ArgumentException>(() => model.Explain(text, null, "c"));
        Assert.Equal(Math.Abs(explanation.Strongest(1)[0].Value), explanation.Words.Max(word => Math.Abs(word.Value)));
        // Of a text that is cut, only what the model read is explained.
        TextExplanation cut = model.Explain(string.Join(' ', Enumerable.Repeat("parcel", 60)));
        Assert.True(cut.TruncatedTokens > 0);
        Assert.Equal(38, cut.Words.Count);
    }

    [Fact]
    public void Words_that_decide_the_label_point_to_it_from_either_side()
    {
        using TextClassifier<bool> model = Pretrained.TextClassifier(Starter, new TextClassifierOptions<bool> { MaximumLength = 24, Dropout = 0 });
        string[] others = ["the order is here", "my account and the invoice", "where is my order", "please help me with the delivery"];
        LabeledText<bool>[] data = [.. Enumerable.Range(0, 96).Select(i => new LabeledText<bool>($"{(i % 2 == 0 ? "refund" : "password")} {others[i / 2 % 4]}", i % 2 == 0))];
        FineTuner.For(model).WithOptimizer(Optimizer.AdamW(learningRate: 5e-4)).Epochs(4).BatchSize(8).Train(data);
        foreach (string text in others)
        {
            foreach (bool label in new[] { false, true })
            {
                foreach (string word in new[] { "refund", "password" })
                {
                    WordAttribution strongest = model.Explain($"{word} {text}", null, label).Strongest(1)[0];
                    Assert.Equal((word, (word == "refund") == label), (strongest.Word, strongest.Value > 0));
                }
            }
        }
    }

    [Theory]
    [InlineData("<script>alert('x')</script> & \"quotes\" \u0001\uD800 \uFFFE")]
    [InlineData("")]
    [InlineData("emoji \U0001F600 and 北京")]
    public void Any_text_is_shown_escaped_in_well_formed_markup(string text)
    {
        using TextClassifier<string> model = Pretrained.TextClassifier(Starter, new TextClassifierOptions<string> { Labels = ["<a>", "&b"], MaximumLength = 40 });
        TextExplanation explanation = model.Explain(text, "a & <b>");
        XDocument.Parse(explanation.ToSvg());
        XDocument.Parse(explanation.ToFragment());
        string page = explanation.ToHtml();
        Assert.DoesNotContain("<script", page, StringComparison.Ordinal);
        Assert.DoesNotContain("http", page.Replace("http://www.w3.org/2000/svg", "", StringComparison.Ordinal), StringComparison.Ordinal);
        Assert.Throws<ArgumentOutOfRangeException>(() => explanation.ToSvg(0));
    }

    [Fact]
    public void Other_heads_explain_too_and_a_report_shows_it()
    {
        string path = Path.Combine(Path.GetTempPath(), $"report-{Guid.NewGuid():N}.html");
        using TextRegressor regressor = Pretrained.TextRegressor(Starter, new TextOptions { MaximumLength = 24 });
        using TextMultiLabeler<string> labeler = Pretrained.TextMultiLabeler(Starter, new TextMultiLabelerOptions<string> { Labels = ["a", "b"], MaximumLength = 24 });
        TextExplanation number = regressor.Explain("my <order>"), label = labeler.Explain("my order", "b");
        Assert.Equal(regressor.Predict("my <order>").Score, number.Score, 1e-6);
        TrainingResult result = FineTuner.For(regressor).Steps(2).Train([new ScoredText("a text", 1), new ScoredText("another", 0)]);
        try
        {
            result.SaveReport(path, [number, label]);
            string html = File.ReadAllText(path);
            Assert.Contains("my &lt;order&gt;", html, StringComparison.Ordinal);
            Assert.Contains(label.ToFragment(), html, StringComparison.Ordinal);
        }
        finally
        {
            File.Delete(path);
        }
    }
}
