using System.Reflection;
using FineTuning.Fuzz;
using FineTuning.Heads;
using FineTuning.Metrics;
using FineTuning.Tasks;
using FineTuning.Tensors;
using Xunit;

namespace FineTuning.Tests.Heads;

/// <summary>Every head that there is, found by reflection, is evaluated with progress, cancellation and the user's metrics: a new head without it fails here.</summary>
public sealed class EvaluateEveryHeadTests
{
    private const int Rows = 4;

    public static TheoryData<string> Heads() => EveryHead.Names();

    public static TheoryData<string> Losses() => EveryHead.Losses();

    [Theory]
    [MemberData(nameof(Heads))]
    public void A_head_is_evaluated(string name)
    {
        FineTuningRuntime.Load();
        using var samples = new Samples();
        Evaluated(EveryHead.Of(name, samples), samples, takesMetrics: true);
    }

    [Theory]
    [MemberData(nameof(Losses))]
    public void A_similarity_loss_is_evaluated(string name)
    {
        using var samples = new Samples();
        using TunableModel model = EveryHead.WithLoss(name, (SentenceEncoder)samples.Of(typeof(SentenceEncoder), "this")!);
        // Losses over pairs with a score take a metric; those over a batch have no prediction of one row.
        Evaluated(model, samples, takesMetrics: model.MetricTypes is not null);
    }

    [Theory]
    [MemberData(nameof(Heads))]
    public void A_batch_of_no_rows_is_empty_or_refused(string name)
    {
        FineTuningRuntime.Load();
        using var samples = new Samples();
        TunableModel model = EveryHead.Of(name, samples);
        if (Record.Exception(() => Assert.Empty(model.Collate([], 8).Rows)) is { } fault) Assert.IsType<ArgumentException>(fault);
    }

    private static void Evaluated(TunableModel model, Samples samples, bool takesMetrics)
    {
        Type example = EveryHead.ExampleOf(model.GetType());
        typeof(EvaluateEveryHeadTests).GetMethod(nameof(Check), BindingFlags.NonPublic | BindingFlags.Static)!.MakeGenericMethod(example)
            .Invoke(null, BindingFlags.DoNotWrapExceptions, null, [model, samples, takesMetrics], null);
    }

    private static void Check<TExample>(TunableModel<TExample> model, Samples samples, bool takesMetrics)
    {
        TExample[] data = [.. Enumerable.Range(0, Rows).Select(_ => (TExample)samples.Of(typeof(TExample), "example")!)];
        if (takesMetrics)
        {
            (Type target, Type prediction) = model.MetricTypes ?? throw new InvalidOperationException($"{model.GetType().Name} takes no metrics of the user");
            model.AddMetric((UserMetric)typeof(EvaluateEveryHeadTests).GetMethod(nameof(Counted), BindingFlags.NonPublic | BindingFlags.Static)!
                .MakeGenericMethod(target, prediction).Invoke(null, null)!);
        }
        var told = new Told();
        MetricReport report = model.Evaluate(data, told);
        Assert.True(double.IsFinite(report["loss"]));
        Assert.True(report.TryGet(model.PrimaryMetric, out _), $"{model.PrimaryMetric} is not in {report}");
        Assert.Equal(takesMetrics, report.TryGet("counted", out double counted));
        if (takesMetrics) Assert.True(counted >= 1);
        Assert.NotNull(told.Last);
        Assert.Equal(Rows, told.Last.ExamplesEncoded);
        Assert.Equal(told.Last.Rows, told.Last.RowsEvaluated);
        Assert.Throws<OperationCanceledException>(() => model.Evaluate(data, null, new CancellationToken(canceled: true)));
        Assert.Equal(report.Values, model.Evaluate(data).Values);
    }

    private static UserMetric Counted<TTarget, TPrediction>() =>
        UserMetric.Of<TTarget, TPrediction>("counted", MetricDirection.Neither, (targets, predictions) => targets.Count == predictions.Count ? targets.Count : -1);

    private sealed class Told : IProgress<EvaluationProgress>
    {
        public EvaluationProgress? Last { get; private set; }

        public void Report(EvaluationProgress value) => Last = value;
    }
}
