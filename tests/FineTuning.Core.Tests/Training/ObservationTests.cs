using System.Diagnostics.Metrics;
using FineTuning.Models;
using FineTuning.Training;
using Microsoft.Extensions.Diagnostics.Metrics.Testing;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Testing;
using Xunit;

namespace FineTuning.Tests.Training;

/// <summary>What a run tells while it goes on: events, log messages, meters.</summary>
public sealed class ObservationTests
{
    private const string Config = """
        {"model_type":"bert","vocab_size":40,"hidden_size":16,"num_hidden_layers":1,"num_attention_heads":2,"intermediate_size":32,
         "max_position_embeddings":32,"type_vocab_size":2,"hidden_dropout_prob":0.1,"attention_probs_dropout_prob":0.1}
        """;

    private static RowsClassifier Model() => new(OutputHead.Create(Config, HeadKind.SequenceClassification, 3));

    private static IdsWithLabel[] Data(int count) => [.. Enumerable.Range(0, count).Select(i => new IdsWithLabel([.. Enumerable.Range(1, 2 + (i % 9))], i % 3))];

    [Fact]
    public void The_log_has_the_run_from_its_start_to_its_end()
    {
        using RowsClassifier model = Model();
        var logger = new FakeLogger();
        FineTuner.For(model).Epochs(2).BatchSize(4).ValidateOn(Data(6)).WithLogger(logger).Train(Data(12));
        IReadOnlyList<FakeLogRecord> records = logger.Collector.GetSnapshot();
        Assert.Equal([1, .. Enumerable.Repeat(2, 3), 3, .. Enumerable.Repeat(2, 3), 3, 4], records.Select(record => record.Id.Id));
        Assert.All(records, record => Assert.Equal(record.Id.Id == 2 ? LogLevel.Debug : LogLevel.Information, record.Level));
        Assert.Contains("accuracy", records[4].Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Progress_counts_up_and_knows_the_time_left()
    {
        using RowsClassifier model = Model();
        var told = new List<TrainingProgress>();
        TrainingResult result = FineTuner.For(model).Epochs(2).BatchSize(4).ValidateOn(Data(6)).OnProgress(told.Add).Train(Data(12));
        TrainingProgress[] steps = [.. told.Where(progress => progress.Phase == TrainingPhase.Training)];
        Assert.Equal(Enumerable.Range(1, 6).Select(step => (long)step), steps.Select(progress => progress.Step));
        Assert.Equal(result.History.Select(step => step.Loss), steps.Select(progress => progress.Loss));
        Assert.All(steps, progress => Assert.Equal(6, progress.TotalSteps));
        Assert.Equal(TimeSpan.Zero, steps[^1].Remaining);
        Assert.Equal(TrainingPhase.Encoding, told[0].Phase);
        Assert.Equal(12, told[0].ExamplesEncoded);
        Assert.Equal(TrainingPhase.Finished, told[^1].Phase);
        Assert.Equal(2, told.Count(progress => progress.Phase == TrainingPhase.Evaluating));
    }

    [Fact]
    public void Meters_follow_the_names_and_units_of_OpenTelemetry()
    {
        using RowsClassifier model = Model();
        var published = new List<Instrument>();
        using var listener = new MeterListener { InstrumentPublished = (instrument, _) => published.Add(instrument) };
        listener.Start();
        using var durations = new MetricCollector<double>(null, "FineTuning.Core", "finetuning.training.step.duration");
        FineTuner.For(model).Steps(3).BatchSize(4).Train(Data(12));
        Assert.True(durations.GetMeasurementSnapshot().Count >= 3);
        Instrument[] ours = [.. published.Where(instrument => instrument.Meter.Name == "FineTuning.Core")];
        Assert.NotEmpty(ours);
        Assert.All(ours, instrument =>
        {
            Assert.Matches("^finetuning(\\.[a-z_]+)+$", instrument.Name);
            Assert.False(string.IsNullOrEmpty(instrument.Unit));
            Assert.False(string.IsNullOrEmpty(instrument.Description));
        });
    }

    [Fact]
    public void What_a_handler_throws_ends_the_run_as_it_is()
    {
        using RowsClassifier model = Model();
        var own = new InvalidDataException("the disk of the caller is full");
        Exception thrown = Assert.Throws<InvalidDataException>(() => FineTuner.For(model).Epochs(2).BatchSize(4).OnProgress(progress =>
        {
            if (progress.Step == 2) throw own;
        }).Train(Data(12)));
        Assert.Same(own, thrown);
        Assert.All(model.Weights, weight => Assert.Null(weight.Value.grad));
    }
}
