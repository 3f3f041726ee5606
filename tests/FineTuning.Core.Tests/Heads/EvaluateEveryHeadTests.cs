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

    public static TheoryData<string> Heads() => [.. typeof(Pretrained).Assembly.GetExportedTypes()
        .Where(type => !type.IsAbstract && typeof(TunableModel).IsAssignableFrom(type)).Select(type => type.Name)];

    public static TheoryData<string> Losses() => [.. typeof(SimilarityLoss).GetMethods(BindingFlags.Public | BindingFlags.Static)
        .Where(method => !method.IsSpecialName).Select(method => method.Name)];

    [Theory]
    [MemberData(nameof(Heads))]
    public void A_head_is_evaluated(string name)
    {
        FineTuningRuntime.Load();
        Type head = typeof(Pretrained).Assembly.GetExportedTypes().Single(type => type.Name == name);
        if (head.IsGenericTypeDefinition) head = head.MakeGenericType(typeof(string));
        using var samples = new Samples();
        var model = Assert.IsAssignableFrom<TunableModel>(samples.Of(head, "this"));
        Evaluated(model, samples, takesMetrics: true);
    }

    [Theory]
    [MemberData(nameof(Losses))]
    public void A_similarity_loss_is_evaluated(string name)
    {
        MethodInfo made = typeof(SimilarityLoss).GetMethod(name)!;
        if (made.IsGenericMethodDefinition) made = made.MakeGenericMethod(typeof(string));
        using var samples = new Samples();
        object loss = made.Invoke(null, [.. made.GetParameters().Select(parameter => parameter.HasDefaultValue ? parameter.DefaultValue : new[] { "first0", "second0" })])!;
        var encoder = (SentenceEncoder)samples.Of(typeof(SentenceEncoder), "this")!;
        MethodInfo with = typeof(SentenceEncoder).GetMethods().Single(method => method.Name == "With").MakeGenericMethod(made.ReturnType.GetGenericArguments()[0]);
        using var model = (TunableModel)with.Invoke(encoder, [loss, null])!;
        // Losses over pairs with a score take a metric; those over a batch have no prediction of one row.
        Evaluated(model, samples, takesMetrics: model.MetricTypes is not null);
    }

    private static void Evaluated(TunableModel model, Samples samples, bool takesMetrics)
    {
        Type example = ExampleOf(model.GetType());
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

    private static Type ExampleOf(Type type) => type.IsGenericType && type.GetGenericTypeDefinition() == typeof(TunableModel<>)
        ? type.GetGenericArguments()[0] : ExampleOf(type.BaseType!);

    private sealed class Told : IProgress<EvaluationProgress>
    {
        public EvaluationProgress? Last { get; private set; }

        public void Report(EvaluationProgress value) => Last = value;
    }
}
