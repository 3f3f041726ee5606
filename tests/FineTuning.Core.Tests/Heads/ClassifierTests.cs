using FineTuning.Errors;
using FineTuning.Examples;
using FineTuning.Heads;
using FineTuning.Text;
using FineTuning.Training;
using Xunit;

namespace FineTuning.Tests.Heads;

/// <summary>Text classifiers as their users meet them, on the sample's checkpoint.</summary>
public sealed class ClassifierTests
{
    private static readonly string Starter = Goldens.Starter;

    private static readonly LabeledText<bool>[] Rows = [new("the parcel is late", true), new("thank you, all is well", false), new("it broke at once", true), new("great service", false)];

    private static TextClassifier<bool> Model(TextClassifierOptions<bool>? options = null) => Pretrained.TextClassifier(Starter, options);

    [Fact]
    public void Many_threads_get_what_one_gets()
    {
        using TextClassifier<bool> model = Model();
        string[] texts = [.. Enumerable.Range(0, 64).Select(i => string.Join(' ', Enumerable.Repeat("my order number is " + i, 1 + (i % 5))))];
        double[] serial = [.. texts.Select(text => model.Predict(text).Confidence)];
        double[] parallel = new double[texts.Length];
        Parallel.For(0, texts.Length, new ParallelOptions { MaxDegreeOfParallelism = 8 }, i => parallel[i] = model.Predict(texts[i]).Confidence);
        Assert.Equal(serial, parallel);
        IReadOnlyList<Classification<bool>> together = model.PredictBatch(texts);
        for (int i = 0; i < texts.Length; i++) Assert.Equal(serial[i], together[i].Confidence, 1e-5);
    }

    [Fact]
    public void A_long_text_is_cut_and_says_so_or_is_refused()
    {
        string longText = string.Join(' ', Enumerable.Repeat("parcel", 200));
        using TextClassifier<bool> model = Model(new TextClassifierOptions<bool> { MaximumLength = 32 });
        Assert.Equal(0, model.Predict("parcel").TruncatedTokens);
        int lost = model.Predict(longText).TruncatedTokens;
        Assert.True(lost > 0);
        TrainingResult result = FineTuner.For(model).Steps(1).BatchSize(2).Train([new(longText, true), new("short", false)]);
        Assert.Equal((1, lost), (result.TrainingData.TruncatedExamples, (int)result.TrainingData.TruncatedTokens));
        Assert.Contains(result.Warnings, warning => warning.Contains("cut", StringComparison.Ordinal));

        using TextClassifier<bool> strict = Model(new TextClassifierOptions<bool> { MaximumLength = 32, Truncation = TruncationStrategy.None });
        Assert.Contains("takes 32", Assert.Throws<ArgumentException>(() => strict.Predict(longText)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_weight_of_two_is_the_example_twice()
    {
        float[] Tuned(params LabeledText<bool>[] rows)
        {
            using TextClassifier<bool> model = Model(new TextClassifierOptions<bool> { Dropout = 0 });
            FineTuner.For(model).Steps(1).BatchSize(8).WithOptimizer(Optimizer.Sgd(0.1)).WithScheduler(Schedule.Constant()).ClipGradients(null).Train(rows);
            return [.. model.Weights.SelectMany(weight => weight.Value.detach().data<float>().ToArray())];
        }
        float[] weighted = Tuned(Rows[0] with { Weight = 2 }, Rows[1]), repeated = Tuned(Rows[0], Rows[0], Rows[1]);
        Assert.Equal(0, weighted.Zip(repeated, (one, other) => Math.Abs(one - other)).Max(), 1e-5);
        Assert.True(weighted.Zip(Tuned(Rows[0], Rows[1]), (one, other) => Math.Abs(one - other)).Max() > 1e-4);
    }

    [Fact]
    public void What_is_wrong_with_a_record_is_said_with_its_place()
    {
        using TextClassifier<string> model = Pretrained.TextClassifier(Starter, new TextClassifierOptions<string> { Labels = ["yes", "no"] });
        string Refused(LabeledText<string> row) => Assert.Throws<TrainingDataException>(() => FineTuner.For(model).Train([new("good", "yes"), row])).Message;
        Assert.Matches("record 1 .*'maybe'.*yes, no", Refused(new("who knows", "maybe")));
        Assert.Matches("record 1 .*NaN", Refused(new("who knows", "no") { Weight = double.NaN }));
        Assert.Contains("record 1", Refused(null!), StringComparison.Ordinal);
    }

    [Fact]
    public void All_violations_of_the_options_are_reported_at_once()
    {
        var failure = Assert.Throws<InvalidOptionsException>(() => Model(new TextClassifierOptions<bool>
        {
            MaximumLength = 1, Dropout = 1, LabelSmoothing = -1, FocalGamma = double.NaN, ClassWeights = new Dictionary<bool, double> { [true] = 0 },
        }));
        Assert.Equal(5, failure.Violations.Count);
    }

    [Fact]
    public void Cancelling_a_prediction_stops_it()
    {
        using TextClassifier<bool> model = Model();
        Assert.Throws<OperationCanceledException>(() => model.PredictBatch(["one", "two"], new CancellationToken(canceled: true)));
        Assert.Empty(model.PredictBatch(Array.Empty<string>()));
    }

    [Fact]
    public void A_head_of_another_size_is_replaced_only_when_asked()
    {
        string folder = Path.Combine(Path.GetTempPath(), Path.GetRandomFileName());
        try
        {
            using (TextClassifier<bool> model = Model()) model.Save(folder);
            var three = new TextClassifierOptions<string> { Labels = ["a", "b", "c"] };
            Assert.Throws<CheckpointException>(() => Pretrained.TextClassifier(folder, three));
            using TextClassifier<string> fresh = Pretrained.TextClassifier(folder, three with { FreshHead = true });
            Assert.Equal(3, fresh.Predict("hello").Scores.Count);
            Assert.NotEmpty(fresh.Head.LoadReport.Fresh);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }
}
