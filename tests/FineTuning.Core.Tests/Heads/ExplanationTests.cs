using System.Xml.Linq;
using FineTuning.Examples;
using FineTuning.Heads;
using FineTuning.Models;
using FineTuning.Tests.Models;
using FineTuning.Training;
using TorchSharp;
using Xunit;
using static FineTuning.Tensors.Scalars;
using static TorchSharp.torch;

namespace FineTuning.Tests.Heads;

/// <summary>Explanations equal finite differences, stand at the right characters, and show any text safely.</summary>
public sealed class ExplanationTests
{
    private static readonly string Starter = Path.Combine(Goldens.Repository, "docs", "samples", "QuickStart", "starter");

    public static TheoryData<string, string> Cases()
    {
        var cases = new TheoryData<string, string>();
        foreach (TheoryDataRow<string, string> row in ModelCase.All().Where(row => row.Data.Item2 == "seqcls")) cases.Add(row);
        return cases;
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Each_token_and_their_sum_equal_the_finite_difference_along_the_embedding(string family, string head)
    {
        const double step = 1e-5;
        using var scope = NewDisposeScope();
        ModelCase test = ModelCase.Open(family, head);
        using EncoderModel model = test.Load(new ModelLoadOptions { MasterType = ScalarType.Float64, Dropout = 0 });
        int length = test.Lengths[0];
        int[] ids = [.. test.Ids[0].narrow(0, 0, length).data<long>().Select(id => (int)id)];
        var row = new TokenizedRow(ids, null);
        double[] values = GradientTimesInput.Of(model, row, 0, 1, ScalarType.Float64);
        Assert.Equal(length, values.Length);
        Assert.All(model.Weights, weight => Assert.Null(weight.Value.grad));

        double Score(Tensor factors)
        {
            using var inner = NewDisposeScope();
            using var gradients = no_grad();
            ForwardContext context = ForwardContext.Observing(embedded => embedded * factors, null, ScalarType.Float64);
            return model.Logits(TokenizedBatch.Stack([row], length, 0, CPU), context)[0, 1].Number();
        }
        double Difference(Tensor direction) => (Score((direction * Held(step)).Plus(1)) - Score(Minus(1, direction * Held(step)))) / (2 * step);
        Tensor everything = ones([1, length, 1], ScalarType.Float64);
        double bound = 1e-6 * Math.Max(1, values.Max(Math.Abs));
        Assert.Equal(Difference(everything), values.Sum(), length * bound);
        for (int i = 0; i < length; i++)
        {
            Tensor one = zeros([1, length, 1], ScalarType.Float64);
            one[0, i, 0] = 1.0;
            Assert.Equal(Difference(one), values[i], bound);
        }
    }

    [Fact]
    public void Words_stand_where_the_text_has_them_and_carry_the_sum_of_their_tokens()
    {
        using TextClassifier<string> model = Pretrained.TextClassifier(Starter, new TextClassifierOptions<string> { Labels = ["a", "b"], MaximumLength = 40 });
        const string text = "Please reset   my unbelievable password!", pair = "now";
        TextExplanation explanation = model.Explain(text, pair, "b");
        Assert.Equal("b", explanation.Label);
        Assert.Equal(["Please", "reset", "my", "unbelievable", "password", "!"], explanation.Words.Where(word => word.Sequence == 0).Select(word => word.Word));
        Assert.All(explanation.Words, word => Assert.Equal(word.Word, (word.Sequence == 0 ? text : pair)[word.Start..word.End]));
        FineTuning.Text.TokenizedText tokens = model.Tokenize(text, pair);
        double sum = GradientTimesInput.Of(model.Encoder, new TokenizedRow(tokens.Ids, model.TypesOf(tokens)), model.PadId, 1).Sum();
        Assert.Equal(sum, explanation.Words.Sum(word => word.Value) + explanation.Rest, 1e-6);
        Assert.Equal(model.Predict(text, pair).Scores.First(score => score.Label == "b").Score, explanation.Score, 1e-6);
        Assert.Equal(model.Predict(text).Label, model.Explain(text).Label);
        Assert.Throws<ArgumentException>(() => model.Explain(text, null, "c"));
        Assert.Equal(Math.Abs(explanation.Strongest(1)[0].Value), explanation.Words.Max(word => Math.Abs(word.Value)));
    }

    [Fact]
    public void A_learned_word_is_what_mattered()
    {
        using TextClassifier<bool> model = Pretrained.TextClassifier(Starter, new TextClassifierOptions<bool> { MaximumLength = 24, Dropout = 0 });
        string[] others = ["the order is here", "my account and the invoice", "where is my order", "please help me with the delivery"];
        LabeledText<bool>[] data = [.. Enumerable.Range(0, 64).Select(i => new LabeledText<bool>(i % 2 == 0 ? $"refund {others[i / 2 % 4]}" : others[i / 2 % 4], i % 2 == 0))];
        FineTuner.For(model).WithOptimizer(Optimizer.AdamW(learningRate: 5e-4)).Epochs(4).BatchSize(8).Train(data);
        TextExplanation explanation = model.Explain("the order is here refund", null, true);
        Assert.Equal("refund", explanation.Strongest(1)[0].Word);
        Assert.True(explanation.Strongest(1)[0].Value > 0);
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
