using System.Globalization;
using FineTuning.Errors;
using FineTuning.Examples;
using FineTuning.Heads;
using FineTuning.Metrics;
using FineTuning.Tasks;
using FineTuning.Tensors;
using FineTuning.Training;
using Xunit;

namespace FineTuning.Tests.Training;

/// <summary>Data without end, numbers that float32 loses, nulls, and what a run says of its data.</summary>
public sealed class BoundedDataTests
{
    private static readonly string Starter = Path.Combine(Goldens.Repository, "docs", "samples", "QuickStart", "starter");

    private static TextClassifier<string> Model() => Pretrained.TextClassifier(Starter, new TextClassifierOptions<string> { Labels = ["a", "b"] });

    private static IEnumerable<LabeledText<string>> Endless(Action read)
    {
        for (int i = 0; ; i++)
        {
            read();
            yield return new LabeledText<string>($"text {i}", i % 2 == 0 ? "a" : "b");
        }
    }

    [Theory]
    [InlineData(3, 4, 2)]
    [InlineData(1, 1, 1)]
    [InlineData(200, 8, 1)]
    public void Of_a_source_without_end_only_the_rows_of_the_steps_are_read(long steps, int rows, int accumulation)
    {
        using TextClassifier<string> model = Model();
        int read = 0;
        TrainingResult result = FineTuner.For(model).Steps(steps).BatchSize(rows, accumulation).Train(Endless(() => read++));
        Assert.Equal(steps, result.Steps);
        Assert.Equal(steps * rows * accumulation, read);
        Assert.Equal(read, result.TrainingRows);
    }

    [Fact]
    public void A_list_of_known_length_is_read_whole()
    {
        using TextClassifier<string> model = Model();
        Assert.Equal(50, FineTuner.For(model).Steps(1).BatchSize(2).Train([.. Endless(() => { }).Take(50)]).TrainingRows);
    }

    [Fact]
    public void A_slow_source_counts_toward_the_time_limit()
    {
        using TextClassifier<string> model = Model();
        var time = new SlowTime();
        var tuner = FineTuner.For(model).WithTime(time);
        // A record takes 20 milliseconds: of half a second's time limit, 25 are read.
        TrainingResult result = tuner.Steps(1_000_000).TimeLimit(TimeSpan.FromSeconds(0.5)).Train(Endless(() => time.Pass(20)));
        Assert.Equal((StopReason.TimeLimit, 0L, 25), (result.StopReason, result.Steps, result.TrainingRows));
        TrainingResult late = tuner.TimeLimit(TimeSpan.FromMilliseconds(20)).Train(Late());
        Assert.Equal((StopReason.TimeLimit, 0L, 1), (late.StopReason, late.Steps, late.TrainingRows));

        IEnumerable<LabeledText<string>> Late()
        {
            time.Pass(50);
            yield return new LabeledText<string>("a", "a");
            throw new InvalidOperationException("a second record was asked for");
        }
    }

    [Fact]
    public void An_evaluation_does_not_pass_the_time_limit_by_seconds()
    {
        using TextClassifier<string> model = Model();
        int added = 0;
        var time = new SlowTime();
        model.AddMetric(UserMetric.Streaming<string, Classification<string>>("slow", MetricDirection.Higher, () => new Slow(() =>
        {
            added++;
            time.Pass(1);
        })));
        LabeledText<string>[] data = [.. Endless(() => { }).Take(3000)];
        TrainingResult result = FineTuner.For(model).WithTime(time).ValidateOn(data).TimeLimit(TimeSpan.FromSeconds(1)).EvaluateEvery(EvaluationInterval.Steps(1)).Train(data[..10]);
        Assert.Equal(StopReason.TimeLimit, result.StopReason);
        Assert.Contains(result.Warnings, warning => warning.Contains("given up", StringComparison.Ordinal));
        Assert.Empty(result.Evaluations);
        // The rehearsal's batch and one more at most, not all rows.
        Assert.InRange(added, 1, 2048);
    }

    [Fact]
    public void The_longest_time_limit_ends_nothing()
    {
        using TextClassifier<string> model = Model();
        LabeledText<string>[] data = [.. Endless(() => { }).Take(4)];
        TrainingResult result = FineTuner.For(model).ValidateOn(data).TimeLimit(TimeSpan.MaxValue).Epochs(1).Train(data);
        Assert.Equal(StopReason.Completed, result.StopReason);
        Assert.NotEmpty(result.Evaluations);
    }

    [Fact]
    public void Steps_and_threads_beyond_reason_are_refused()
    {
        using TextClassifier<string> model = Model();
        bool read = false;
        foreach (long steps in new[] { long.MaxValue, long.MaxValue - 1, 1_000_000_001 })
        {
            Assert.Contains("Steps", Assert.Throws<InvalidOptionsException>(() => FineTuner.For(model).Steps(steps).Train(Endless(() => read = true))).Message, StringComparison.Ordinal);
        }
        Assert.False(read);
        Assert.Throws<ArgumentOutOfRangeException>(() => FineTuningRuntime.Threads = int.MaxValue);
        Assert.Throws<ArgumentOutOfRangeException>(() => FineTuningRuntime.Threads = 0);
    }

    [Theory]
    [InlineData(1e-60)]
    [InlineData(1e300)]
    [InlineData(1e-21)]
    [InlineData(1e21)]
    [InlineData(double.NaN)]
    [InlineData(-1)]
    public void Numbers_that_float32_loses_are_refused_with_record_and_value(double number)
    {
        using TextClassifier<string> model = Model();
        string message = Assert.Throws<TrainingDataException>(() => FineTuner.For(model).Train([new("fine", "a"), new("odd", "b") { Weight = number }])).Message;
        Assert.Contains("record 1", message, StringComparison.Ordinal);
        Assert.Contains(number.ToString(CultureInfo.InvariantCulture), message, StringComparison.Ordinal);
        Assert.Throws<InvalidOptionsException>(() => Pretrained.TextClassifier(Starter, new TextClassifierOptions<string> { Labels = ["a", "b"], ClassWeights = new Dictionary<string, double> { ["a"] = number } }));
    }

    [Theory]
    [InlineData(1e-60)]
    [InlineData(1e300)]
    public void Scores_and_rates_that_float32_loses_are_refused(double number)
    {
        using TextRegressor model = Pretrained.TextRegressor(Starter);
        Assert.Contains("record 1", Assert.Throws<TrainingDataException>(() => FineTuner.For(model).Train([new("fine", 0), new("odd", number)])).Message, StringComparison.Ordinal);
        Assert.Throws<InvalidOptionsException>(() => FineTuner.For(model).WithOptimizer(Optimizer.AdamW(learningRate: number)).Train([new("fine", 0)]));
        Assert.Throws<InvalidOptionsException>(() => FineTuner.For(model).WithOptimizer(Optimizer.AdamW(epsilon: number)).Train([new("fine", 0)]));
        Assert.Throws<InvalidOptionsException>(() => FineTuner.For(model).WithRate(weights => weights, number).Train([new("fine", 0)]));
    }

    [Fact]
    public void Nulls_in_options_are_named()
    {
        using TextClassifier<string> model = Model();
        LabeledText<string>[] data = [new("a", "a")];
        Assert.Equal("Optimizer", Assert.Throws<ArgumentNullException>(() => new TrainingOptions { Optimizer = null! }).ParamName);
        Assert.Equal("Schedule", Assert.Throws<ArgumentNullException>(() => new TrainingOptions { Schedule = null! }).ParamName);
        Assert.Equal("Frozen", Assert.Throws<ArgumentNullException>(() => new TrainingOptions { Frozen = null! }).ParamName);
        Assert.Equal("change", Assert.Throws<ArgumentException>(() => FineTuner.For(model).With(_ => null!)).ParamName);
        Assert.Equal("weights", Assert.Throws<ArgumentException>(() => FineTuner.For(model).Freeze(_ => null!)).ParamName);
        Assert.Equal("RateFactors", Assert.Throws<ArgumentNullException>(() => new TrainingOptions { RateFactors = null! }).ParamName);
        Assert.Contains("RateFactors[0]", Assert.Throws<ArgumentException>(() => FineTuner.For(model).With(options => options with { RateFactors = [null!] }).Train(data)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Labels_and_types_without_a_training_row_are_warned_of()
    {
        using (TextClassifier<string> model = Pretrained.TextClassifier(Starter, new TextClassifierOptions<string> { Labels = ["a", "b", "never"] }))
        {
            Assert.Contains(FineTuner.For(model).Steps(1).Train([new("x", "a"), new("y", "b")]).Warnings, warning => warning.Contains("never", StringComparison.Ordinal) && warning.Contains("1 of 3", StringComparison.Ordinal));
        }
        using (TextMultiLabeler<string> model = Pretrained.TextMultiLabeler(Starter, new TextMultiLabelerOptions<string> { Labels = ["a", "never"] }))
        {
            Assert.Contains(FineTuner.For(model).Steps(1).Train([new("x", ["a"]), new("y", [])]).Warnings, warning => warning.Contains("never", StringComparison.Ordinal));
        }
        using TokenClassifier tagger = Pretrained.TokenClassifier(Starter, ["PER", "NEVER"]);
        TrainingResult result = FineTuner.For(tagger).Steps(1).Train([new TaggedWords(["Ann", "left"], ["B-PER", "O"])]);
        Assert.Contains(result.Warnings, warning => warning.Contains("NEVER", StringComparison.Ordinal) && !warning.Contains("PER,", StringComparison.Ordinal));
    }

    [Fact]
    public void Answers_that_are_blank_too_long_or_lost_are_counted_and_named_by_their_record()
    {
        using QuestionAnswerer model = Pretrained.QuestionAnswerer(Starter, new QuestionAnswererOptions { LongestAnswer = 2, MaximumLength = 32, AllowsNoAnswer = true });
        const string text = "please reset my password again";
        AnsweredQuestion[] data =
        [
            new("fine?", text, new GivenAnswer("reset", 7)), new("long?", text, new GivenAnswer(text, 0)), new("blank?", text, new GivenAnswer(" ", 6)), new("lost?", text, new GivenAnswer("nowhere", 3)) { Id = "named" },
        ];
        EncodingSummary summary = FineTuner.For(model).Steps(1).Train(data).TrainingData;
        Assert.Contains(summary.Notes, pair => pair.Key.Contains("LongestAnswer", StringComparison.Ordinal) && pair.Value == 1 && summary.Names[pair.Key].SequenceEqual(["record 1"]));
        Assert.Contains(summary.Notes, pair => pair.Key.Contains("white space", StringComparison.Ordinal) && pair.Value == 1 && summary.Names[pair.Key].SequenceEqual(["record 2"]));
        Assert.Equal(2, summary.Skipped.Values.Sum());
        Assert.Equal(["named", "record 2"], summary.Names.Single(pair => summary.Skipped.ContainsKey(pair.Key)).Value);
    }

    [Fact]
    public void The_report_prints_numbers_alike_in_every_culture()
    {
        using TextClassifier<string> model = Model();
        TrainingResult result = FineTuner.For(model).Steps(2).WithLayerDecay(0.95).ClipGradients(0.5).ValidateOn([new("x", "a")]).Train([new("x", "a"), new("y", "b")]);
        string path = Path.GetTempFileName();
        CultureInfo culture = CultureInfo.CurrentCulture;
        try
        {
            string Page(CultureInfo written)
            {
                CultureInfo.CurrentCulture = written;
                result.SaveReport(path);
                return File.ReadAllText(path);
            }
            var german = (CultureInfo)CultureInfo.InvariantCulture.Clone();
            (german.NumberFormat.NumberDecimalSeparator, german.NumberFormat.NumberGroupSeparator, german.NumberFormat.NegativeSign) = (",", ".", "−");
            Assert.Equal(Page(CultureInfo.InvariantCulture), Page(german));
            Assert.Equal(",", CultureInfo.CurrentCulture.NumberFormat.NumberDecimalSeparator);
        }
        finally
        {
            CultureInfo.CurrentCulture = culture;
            File.Delete(path);
        }
    }

    private sealed class Slow(Action added) : IMetricAccumulator<string, Classification<string>>
    {
        public double Value => 0;

        // A batch of a thousand rows takes a second.
        public void Add(string target, Classification<string> prediction) => added();
    }
}
