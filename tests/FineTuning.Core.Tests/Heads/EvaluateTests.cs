using FineTuning.Errors;
using FineTuning.Examples;
using FineTuning.Heads;
using FineTuning.Metrics;
using FineTuning.Tasks;
using FineTuning.Training;
using Xunit;

namespace FineTuning.Tests.Heads;

/// <summary>Evaluating a model gives what validation gave, to the bit, for every head; the user's metrics stand beside the model's in both.</summary>
public sealed class EvaluateTests
{
    private static readonly string Starter = Goldens.Starter;

    private static readonly string[] Texts = [.. Enumerable.Range(0, 30).Select(i => string.Join(' ', Enumerable.Range(0, 2 + (i * 5 % 11)).Select(j => new[] { "please", "reset", "my", "password", "the", "invoice", "is", "wrong" }[(i + (j * j)) % 8])))];

    [Fact]
    public void Equals_validation_for_labels()
    {
        LabeledText<string>[] data = [.. Texts.Select((text, i) => new LabeledText<string>(text, i % 3 == 0 ? "a" : "b") { Weight = 1 + (i % 2) })];
        using (TextClassifier<string> model = Pretrained.TextClassifier(Starter, new TextClassifierOptions<string> { Labels = ["a", "b", "c"] }))
        {
            model.AddMetric(UserMetric.Of<string, Classification<string>>("right", MetricDirection.Higher, (labels, answers) => labels.Zip(answers, (label, answer) => label == answer.Label ? 1.0 : 0).Average()));
            MetricReport report = Same(model, data);
            Assert.Equal(report["accuracy"], report["right"], 1e-12);
        }
        MultiLabeledText<string>[] several = [.. Texts.Select((text, i) => new MultiLabeledText<string>(text, i % 3 == 0 ? ["a"] : i % 3 == 1 ? ["a", "b"] : []))];
        using (TextMultiLabeler<string> model = Pretrained.TextMultiLabeler(Starter, new TextMultiLabelerOptions<string> { Labels = ["a", "b"] }))
        {
            model.AddMetric(UserMetric.Of<IReadOnlyList<string>, MultiLabelPrediction<string>>("exact", MetricDirection.Higher, (labels, answers) => labels.Zip(answers, (wanted, answer) => wanted.Order().SequenceEqual(answer.Labels.Order()) ? 1.0 : 0).Average()));
            MetricReport report = Same(model, several);
            Assert.Equal(report["subset_accuracy"], report["exact"], 1e-12);
        }
    }

    [Fact]
    public void Equals_validation_for_numbers_and_pairs()
    {
        using (TextRegressor model = Pretrained.TextRegressor(Starter))
        {
            model.AddMetric(UserMetric.Streaming<double, double>("largest_error", MetricDirection.Lower, () => new LargestError()));
            MetricReport report = Same(model, Texts.Select((text, i) => new ScoredText(text, i % 5)).ToArray());
            Assert.True(report["largest_error"] >= report["mae"]);
            Assert.Equal(MetricDirection.Lower, report.Find("largest_error")!.Direction);
        }
        using SentenceEncoder encoder = Pretrained.SentenceEncoder(Starter);
        TunableModel<ScoredPair> pairs = encoder.With(SimilarityLoss.CosineSimilarity());
        pairs.AddMetric(UserMetric.Of<double, double>("distance", MetricDirection.Lower, (scores, cosines) => scores.Zip(cosines, (score, cosine) => Math.Abs(score - cosine)).Average()));
        Same(pairs, Texts.Zip(Texts.Skip(1), (one, other) => new ScoredPair(one, other, one.Length % 2)).ToArray());
        Same(encoder.With(SimilarityLoss.MultipleNegatives()), Texts.Zip(Texts.Skip(1), (one, other) => new PositivePair(one, other)).ToArray());
    }

    [Fact]
    public void Equals_validation_for_tags_answers_and_masks()
    {
        using (TokenClassifier model = Pretrained.TokenClassifier(Starter, ["PER", "ORG"]))
        {
            model.AddMetric(UserMetric.Of<IReadOnlyList<string>, IReadOnlyList<string>>("whole", MetricDirection.Higher, (wanted, found) => wanted.Zip(found, (one, other) => one.SequenceEqual(other) ? 1.0 : 0).Average()));
            Same(model, Texts.Select((text, i) => (TaggedText)new TaggedWords(text.Split(' '), [.. text.Split(' ').Select((_, j) => j == i % 2 ? "B-PER" : "O")])).ToArray());
        }
        using (QuestionAnswerer model = Pretrained.QuestionAnswerer(Starter, new QuestionAnswererOptions { MaximumLength = 16, Stride = 2 }))
        {
            model.AddMetric(UserMetric.Of<IReadOnlyList<string>, string>("same", MetricDirection.Higher, (wanted, found) => wanted.Zip(found, (one, other) => one.Contains(other) ? 1.0 : 0).Average()));
            MetricReport report = Same(model, Texts.Select(text => new AnsweredQuestion("what?", text, new GivenAnswer(text.Split(' ')[0], 0))).ToArray());
            Assert.True(report["same"] <= report["exact_match"]);
        }
        using (MaskedLanguageModel model = Pretrained.MaskedLanguageModel(Starter, new MaskedLanguageOptions { MaximumLength = 32 }))
        {
            model.AddMetric(UserMetric.Of<int, int>("right", MetricDirection.Higher, (wanted, found) => wanted.Zip(found, (one, other) => one == other ? 1.0 : 0).Average()));
            MetricReport report = Same(model, Texts);
            Assert.Equal(report["accuracy"], report["right"], 1e-9);
        }
    }

    [Fact]
    public async Task Progress_is_told_and_cancellation_ends_it()
    {
        using TextRegressor model = Pretrained.TextRegressor(Starter);
        ScoredText[] data = [.. Texts.Select(text => new ScoredText(text, text.Length))];
        var told = new Recorder();
        model.Evaluate(data, told);
        Assert.Equal((data.Length, data.Length, data.Length), (told.Last!.ExamplesEncoded, told.Last.RowsEvaluated, told.Last.Rows));
        using var source = new CancellationTokenSource();
        await source.CancelAsync();
        Assert.Throws<OperationCanceledException>(() => model.Evaluate(data, null, source.Token));
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => model.EvaluateAsync(data, null, source.Token));
        Assert.Contains("evaluation data", Assert.Throws<TrainingDataException>(() => model.Evaluate([])).Message, StringComparison.Ordinal);
        Assert.Contains("record 1 of the evaluation data", Assert.Throws<TrainingDataException>(() => model.Evaluate([new ScoredText("a", 1), null!])).Message, StringComparison.Ordinal);
        Assert.Equal(model.Evaluate(data).Values, (await model.EvaluateAsync(data)).Values);
    }

    [Fact]
    public void A_metric_of_ones_own_states_name_types_and_direction()
    {
        using TextRegressor model = Pretrained.TextRegressor(Starter);
        ScoredText[] data = [.. Texts.Select(text => new ScoredText(text, text.Length))];
        UserMetric Constant(string name, MetricDirection direction) => UserMetric.Of<double, double>(name, direction, (_, _) => 3);
        Assert.Contains("System.Double", Assert.Throws<InvalidOptionsException>(() => model.AddMetric(UserMetric.Of<string, double>("x", MetricDirection.Higher, (_, _) => 0))).Message, StringComparison.Ordinal);
        model.AddMetric(Constant("threshold", MetricDirection.Neither));
        Assert.Throws<InvalidOptionsException>(() => model.AddMetric(Constant("threshold", MetricDirection.Lower)));
        Assert.Contains("cannot be compared", Assert.Throws<InvalidOptionsException>(() => FineTuner.For(model).ValidateOn(data).With(options => options with { Metric = "threshold" }).Train(data)).Message, StringComparison.Ordinal);
        Assert.Contains("'nothing'", Assert.Throws<InvalidOptionsException>(() => FineTuner.For(model).ValidateOn(data).With(options => options with { Metric = "nothing" }).Train(data)).Message, StringComparison.Ordinal);
        model.AddMetric(Constant("mae", MetricDirection.Lower));
        Assert.Contains("'mae'", Assert.Throws<InvalidOptionsException>(() => model.Evaluate(data)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Weights_are_compared_in_the_direction_that_the_metric_states()
    {
        // The name speaks of an accuracy, but less is better: the first evaluation is the best.
        using TextRegressor model = Pretrained.TextRegressor(Starter);
        ScoredText[] data = [.. Texts.Select(text => new ScoredText(text, 1))];
        int evaluations = 0;
        model.AddMetric(UserMetric.Of<double, double>("accuracy_of_errors", MetricDirection.Lower, (_, _) => ++evaluations));
        TrainingResult result = FineTuner.For(model).ValidateOn(data).Epochs(3).With(options => options with { Metric = "accuracy_of_errors" }).Train(data);
        Assert.Equal(result.Evaluations[0], result.Best);
    }

    private static MetricReport Same<TExample>(TunableModel<TExample> model, TExample[] data)
    {
        TrainingResult result = FineTuner.For(model).ValidateOn(data).Epochs(1).BatchSize(8).Train(data);
        MetricReport validated = result.Metrics!, evaluated = model.Evaluate(data);
        Assert.Equal(validated.Metrics, evaluated.Metrics);
        Assert.Equal(validated.Classes, evaluated.Classes);
        return evaluated;
    }

    private sealed class Recorder : IProgress<EvaluationProgress>
    {
        public EvaluationProgress? Last { get; private set; }

        public void Report(EvaluationProgress value) => Last = value;
    }

    private sealed class LargestError : IMetricAccumulator<double, double>
    {
        public double Value { get; private set; }

        public void Add(double target, double prediction) => Value = Math.Max(Value, Math.Abs(target - prediction));
    }
}
