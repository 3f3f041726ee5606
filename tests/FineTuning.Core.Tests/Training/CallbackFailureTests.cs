using FineTuning.Errors;
using FineTuning.Examples;
using FineTuning.Fuzz;
using FineTuning.Heads;
using FineTuning.Metrics;
using FineTuning.Training;
using Xunit;

namespace FineTuning.Tests.Training;

/// <summary>What a caller's own code throws, or what a record is refused with, comes out as it is, wherever it was thrown and however many threads were at work.</summary>
public sealed class CallbackFailureTests
{
    private static readonly LabeledText<string>[] Data = [.. Enumerable.Range(0, 64).Select(i => new LabeledText<string>("a b", i % 2 == 0 ? "first0" : "second0"))];

    [Fact]
    public async Task An_exception_of_the_callers_is_not_wrapped()
    {
        using TextClassifier<string> model = Pretrained.TextClassifier<string>(Checkpoints.Classifier);
        FineTuner<LabeledText<string>> tuner = FineTuner.For(model).Steps(2).ValidateOn(Data);
        await Both(tuner.OnProgress(_ => throw new OwnException()), Data);
        await Both(tuner.OnEvaluation(_ => throw new OwnException()), Data);
        await Both(tuner, Source());
        await Both(tuner.ValidateOn(Source()), Data);
        await Assert.ThrowsAsync<OwnException>(() => tuner.TrainAsync(Data, new Throwing<TrainingProgress>()));
        Assert.Throws<OwnException>(() => model.Evaluate(Source()));
        Assert.Throws<OwnException>(() => model.Evaluate(Data, new Throwing<EvaluationProgress>()));
        await Assert.ThrowsAsync<OwnException>(() => model.EvaluateAsync(Source()));
        Assert.Throws<OwnException>(() => tuner.With(_ => throw new OwnException()));
        model.AddMetric(UserMetric.Of<string, Classification<string>>("mine", MetricDirection.Higher, (_, _) => throw new OwnException()));
        Assert.Throws<OwnException>(() => model.Evaluate(Data));
        await Both(tuner, Data);
    }

    [Fact]
    public async Task The_first_record_that_is_refused_is_named_whichever_thread_read_it()
    {
        using TextClassifier<string> model = Pretrained.TextClassifier<string>(Checkpoints.Classifier);
        LabeledText<string>[] bad = [.. Data.Select((row, i) => i is 20 or 40 or 60 ? row with { Label = "other" } : row)];
        Assert.StartsWith("record 20 ", Assert.Throws<TrainingDataException>(() => FineTuner.For(model).Steps(2).Train(bad)).Message, StringComparison.Ordinal);
        Assert.StartsWith("record 20 ", (await Assert.ThrowsAsync<TrainingDataException>(() => FineTuner.For(model).Steps(2).TrainAsync(bad))).Message, StringComparison.Ordinal);
        Assert.StartsWith("record 20 ", Assert.Throws<TrainingDataException>(() => model.Evaluate(bad)).Message, StringComparison.Ordinal);
    }

    private static async Task Both(FineTuner<LabeledText<string>> tuner, IEnumerable<LabeledText<string>> data)
    {
        Assert.Throws<OwnException>(() => tuner.Train(data));
        await Assert.ThrowsAsync<OwnException>(() => tuner.TrainAsync(data));
    }

    private static IEnumerable<LabeledText<string>> Source()
    {
        yield return Data[0];
        throw new OwnException();
    }

    private sealed class OwnException : Exception;

    private sealed class Throwing<T> : IProgress<T>
    {
        public void Report(T value) => throw new OwnException();
    }
}
