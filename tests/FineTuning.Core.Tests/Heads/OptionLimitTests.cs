using FineTuning.Errors;
using FineTuning.Examples;
using FineTuning.Heads;
using FineTuning.Strategies;
using FineTuning.Tasks;
using FineTuning.Tests.Heads.Preference;
using FineTuning.Text;
using TorchSharp;
using Xunit;
using static FineTuning.Tensors.Scalars;

namespace FineTuning.Tests.Heads;

/// <summary>Options and inputs that no model can compute with are refused with the member's name; what a model computes is finite or an error.</summary>
public sealed class OptionLimitTests
{
    private static readonly string Starter = Goldens.Starter;

    [Fact]
    public void Null_inside_options_is_an_argument_error_that_names_the_member()
    {
        Named("Labels[1]", () => Pretrained.TextClassifier(Starter, new TextClassifierOptions<string> { Labels = ["a", null!] }));
        Named("Device", () => Pretrained.TextClassifier(Starter, new TextClassifierOptions<bool> { Device = null! }));
        Named("Labels[0]", () => Pretrained.TextMultiLabeler(Starter, new TextMultiLabelerOptions<string> { Labels = [null!, "b"] }));
        Named("Device", () => Pretrained.TextRegressor(Starter, new TextOptions { Device = null! }));
        Named("Tags[0]", () => Pretrained.TokenClassifier(Starter, null, new() { Tags = [null!, "O"], Device = null! }));
        Named("Device", () => Pretrained.TokenClassifier(Starter, null, new() { Tags = [null!, "O"], Device = null! }));
        Named("types[1]", () => Pretrained.TokenClassifier(Starter, ["PER", null!]));
        Named("Device", () => Pretrained.QuestionAnswerer(Starter, new QuestionAnswererOptions { Device = null! }));
        Named("Device", () => Pretrained.SentenceEncoder(Starter, new SentenceEncoderOptions { Device = null! }));
        Named("Device", () => Pretrained.MaskedLanguageModel(Starter, new MaskedLanguageOptions { Device = null! }));
        Named("Encoder", () => Pretrained.FewShotClassifier(Starter, new FewShotOptions<string> { Encoder = null! }));
        Named("Labels[1]", () => Pretrained.FewShotClassifier(Starter, new FewShotOptions<string> { Labels = ["a", null!] }));
        using (TokenClassifier model = Pretrained.TokenClassifier(Starter, ["PER"]))
        {
            Named("Ignored", () => model.PredictBatch(["a"], new EntityOptions { Ignored = null! }));
            Named("Ignored[0]", () => model.PredictBatch(["a"], new EntityOptions { Ignored = [null!] }));
            Named("Delimiter", () => model.PredictWords([["a"]], new EntityOptions { Delimiter = null! }));
            Named("inputs[1]", () => model.PredictBatch(["a", null!]));
            Named("inputs[0][1]", () => model.PredictWords([["a", null!]]));
            Named("words[0]", () => model.Tag(null!, "b"));
            Named("word 1", () => model.Tag([new TaggedWords(["a", null!], ["O", "O"])]));
        }
        using (MaskedLanguageModel model = Pretrained.MaskedLanguageModel(Starter))
        {
            Named("Targets[0]", () => model.Predict("[MASK]", new FillOptions { Targets = [null!] }));
            Named("inputs[0]", () => model.PredictBatch([null!]));
        }
        using (SentenceEncoder model = Pretrained.SentenceEncoder(Starter)) Named("texts[1]", () => model.Encode(["a", null!]));
        using ZeroShotClassifier zero = Pretrained.ZeroShotClassifier(Goldens.Require("pipelines", "deberta-v2-nli"));
        Named("labels[1]", () => zero.Predict("a", ["x", null!]));
        Named("Template", () => zero.Predict("a", ["x"], new ZeroShotOptions { Template = null! }));
    }

    [Theory]
    [InlineData(int.MinValue, int.MaxValue)]
    [InlineData(10_001, -10_001)]
    public void Columns_beyond_reason_are_refused_before_a_file_is_opened(int word, int tag)
    {
        var options = new ConllOptions { WordColumn = word, TagColumn = tag };
        string[] found = [.. Assert.Throws<InvalidOptionsException>(() => ConllFile.Read("absent.conll", options)).Violations];
        Assert.Equal([$"WordColumn is {word}: it is from -10000 to 10000", $"TagColumn is {tag}: it is from -10000 to 10000"], found);
    }

    [Fact]
    public void A_batch_beyond_reason_is_refused_before_it_is_made()
    {
        using var files = new PreferenceBase();
        using CausalLanguageModel model = Pretrained.CausalLanguageModel(files.Folder);
        EncodedRow row = model.Encode(new PromptCompletion("a", "b"), new())!;
        Assert.Contains("more than", Assert.Throws<ArgumentException>(() => model.Collate([row], int.MaxValue)).Message, StringComparison.Ordinal);
        TunableModel<PreferencePair> pairs = model.With(PreferenceLoss.SimPo());
        row = pairs.Encode(new("a", "b", "c"), new())!;
        Assert.Contains("more than", Assert.Throws<ArgumentException>(() => pairs.Collate([row], int.MaxValue)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Violations_come_at_once_with_those_of_the_labels()
    {
        var options = new TextClassifierOptions<string> { Labels = ["a", "a"], Dropout = 1 - 1e-9, LabelSmoothing = 1, ClassWeights = new Dictionary<string, double> { ["a"] = 1e300 } };
        string[] found = [.. Assert.Throws<InvalidOptionsException>(() => Pretrained.TextClassifier(Starter, options)).Violations];
        Assert.Equal(4, found.Length);
        Assert.Contains(found, violation => violation.Contains("'a' is listed twice", StringComparison.Ordinal));
        string[] several = [.. Assert.Throws<InvalidOptionsException>(() => Pretrained.TextMultiLabeler(Starter, new TextMultiLabelerOptions<string> { Threshold = 0, MaximumLength = 1 })).Violations];
        Assert.Equal(3, several.Length);
        Assert.Throws<InvalidOptionsException>(() => Pretrained.TextClassifier(Starter, new TextClassifierOptions<object> { Labels = [1, "1"] }));
    }

    [Theory]
    [InlineData(1e-300)]
    [InlineData(1 - 1e-15)]
    [InlineData(double.NaN)]
    public void Thresholds_near_the_limits_are_refused(double threshold) =>
        Assert.Throws<InvalidOptionsException>(() => Pretrained.TextMultiLabeler(Starter, new TextMultiLabelerOptions<string> { Labels = ["a", "b"], Threshold = threshold }));

    [Theory]
    [InlineData(1e-46)]
    [InlineData(1e39)]
    public void Weights_that_float32_does_not_hold_are_refused(double weight)
    {
        using TextRegressor regressor = Pretrained.TextRegressor(Starter);
        var report = new EncodingReport();
        Assert.Contains("weight", Assert.Throws<TrainingDataException>(() => regressor.Encode(new ScoredText("a", 1) { Weight = weight }, report)).Message, StringComparison.Ordinal);
        Assert.Throws<TrainingDataException>(() => regressor.Encode(new ScoredText("a", weight > 1 ? weight : -1e30), report));
        Assert.Throws<InvalidOptionsException>(() => Pretrained.TextClassifier(Starter, new TextClassifierOptions<bool> { ClassWeights = new Dictionary<bool, double> { [true] = weight } }));
    }

    [Fact]
    public void A_text_that_does_not_fit_is_an_argument_error_where_an_answer_is_asked_for()
    {
        string longText = string.Join(' ', Enumerable.Repeat("parcel", 200));
        using TextClassifier<bool> model = Pretrained.TextClassifier(Starter, new TextClassifierOptions<bool> { MaximumLength = 32, Truncation = TruncationStrategy.None });
        Assert.Contains("takes 32", Assert.Throws<ArgumentException>(() => model.Predict(longText)).Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentException>(() => model.Explain(longText));
        Assert.Throws<TrainingDataException>(() => model.Encode(new LabeledText<bool>(longText, true), new EncodingReport()));
        using MaskedLanguageModel masked = Pretrained.MaskedLanguageModel(Starter, new MaskedLanguageOptions { Truncation = TruncationStrategy.None });
        Assert.Throws<ArgumentException>(() => masked.Predict("[MASK] " + longText));
        using ZeroShotClassifier zero = Pretrained.ZeroShotClassifier(Goldens.Require("pipelines", "deberta-v2-nli"), new TextOptions { MaximumLength = 8 });
        Assert.Throws<ArgumentException>(() => zero.Predict("a", [longText]));
    }

    [Theory]
    [InlineData(float.NaN)]
    [InlineData(float.PositiveInfinity)]
    public void What_is_not_finite_is_never_an_answer(float value)
    {
        using (TextClassifier<bool> model = Pretrained.TextClassifier<bool>(Starter))
        {
            Break(model.Weights, value);
            Assert.Throws<NonFiniteException>(() => model.Predict("a"));
            Assert.Throws<NonFiniteException>(() => model.Explain("a"));
        }
        using (TextMultiLabeler<string> model = Pretrained.TextMultiLabeler(Starter, new TextMultiLabelerOptions<string> { Labels = ["a", "b"] }))
        {
            Break(model.Weights, value);
            Assert.Throws<NonFiniteException>(() => model.Predict("a"));
        }
        using (TextRegressor model = Pretrained.TextRegressor(Starter))
        {
            Break(model.Weights, value);
            Assert.Throws<NonFiniteException>(() => model.Predict("a"));
        }
        foreach (bool crf in new[] { false, true })
        {
            using TokenClassifier model = Pretrained.TokenClassifier(Starter, ["PER"], new() { Crf = crf });
            Break(model.Weights, value);
            Assert.Throws<NonFiniteException>(() => model.Predict("a"));
            Assert.Throws<NonFiniteException>(() => model.Tag("a"));
            if (!crf) Assert.Throws<NonFiniteException>(() => model.PredictBatch(["a"], new EntityOptions { Aggregation = EntityAggregation.Simple }));
        }
        using (QuestionAnswerer model = Pretrained.QuestionAnswerer(Starter))
        {
            Break(model.Weights, value);
            Assert.Throws<NonFiniteException>(() => model.Predict("who?", "Ada met Alan"));
        }
        using (MaskedLanguageModel model = Pretrained.MaskedLanguageModel(Starter))
        {
            Break(model.Weights, value);
            Assert.Throws<NonFiniteException>(() => model.Predict("[MASK]"));
        }
        using (ZeroShotClassifier model = Pretrained.ZeroShotClassifier(Goldens.Require("pipelines", "deberta-v2-nli")))
        {
            Break(model.Head.Weights, value);
            Assert.Throws<NonFiniteException>(() => model.Predict("a", ["b", "c"]));
        }
        using (FewShotClassifier<string> model = Pretrained.FewShotClassifier(Starter, new FewShotOptions<string> { PairsPerText = 0 }))
        {
            model.Train([new("a", "x"), new("b", "y")]);
            Break(model.Encoder.Weights, value);
            Assert.Throws<NonFiniteException>(() => model.Predict("a"));
            Assert.Throws<NonFiniteException>(() => model.Train([new("a", "x"), new("b", "y")]));
        }
        using (SentenceEncoder model = Pretrained.SentenceEncoder(Starter))
        {
            Break(model.Weights, value);
            Assert.Throws<NonFiniteException>(() => model.Encode("a"));
        }
    }

    private static void Named(string member, Action call) => Assert.Contains(member, Assert.ThrowsAny<ArgumentException>(call).Message, StringComparison.Ordinal);

    /// <summary>As a run does that diverged, or a file whose numbers are too large.</summary>
    private static void Break(FineTuning.Models.WeightSet weights, float value)
    {
        using var gradients = torch.no_grad();
        weights.Find("embeddings.norm.bias")!.Value.fill_(Held(value));
    }
}
