using FineTuning.Errors;
using FineTuning.Training;
using Xunit;

namespace FineTuning.Tests.Training;

/// <summary>A run that is exported, imported into a fresh model and continued ends with the bits of the run that was never interrupted.</summary>
public sealed class RunStateLawTests
{
    private const int StepsOfARun = 7;

    // Of the product every seventh, beginning elsewhere with each optimizer: every pair of settings occurs. All where the environment says so.
    private const int Sampled = 7;
    private static readonly bool IsExhaustive = Environment.GetEnvironmentVariable("FINETUNING_EXHAUSTIVE") == "1";
    private static readonly int[] Accumulations = [1, 2];
    private static readonly bool[] Switch = [false, true];

    private static readonly Optimizer[] Optimizers =
    [
        Optimizer.AdamW(1e-2), Optimizer.AdamW(1e-2, amsGrad: true), Optimizer.Adam(1e-2), Optimizer.Sgd(0.1, momentum: 0.9, nesterov: true), Optimizer.Sgd(0.1),
        Optimizer.RmsProp(1e-2, momentum: 0.5), Optimizer.Adagrad(1e-2), Optimizer.RAdam(1e-2), Optimizer.NAdam(1e-2), Optimizer.Adafactor(), Optimizer.Adafactor(null, true),
        Optimizer.Lion(1e-3),
    ];

    private static readonly Schedule[] Schedules =
    [
        Schedule.Constant(), Schedule.Linear(0.3), Schedule.Cosine(2), Schedule.CosineWithRestarts(2), Schedule.WarmRestarts(2, 2), Schedule.Polynomial(2), Schedule.InverseSquareRoot(2),
        Schedule.WarmupStableDecay(0.5, 1), Schedule.OneCycle(), Schedule.Exponential(0.9), Schedule.Step(2, 0.5), Schedule.Plateau(0.5, patience: 0), Schedule.Linear(2) with { ZeroFirstStep = true },
    ];

    public static TheoryData<int> EveryOptimizer => [.. Enumerable.Range(0, Optimizers.Length)];

    [Theory]
    [MemberData(nameof(EveryOptimizer))]
    public void It_ends_with_the_same_bits(int optimizer)
    {
        int variant = 0;
        foreach (Schedule schedule in Schedules)
        {
            foreach (int accumulation in Accumulations)
            {
                foreach (bool frozen in Switch)
                {
                    foreach (bool gradual in Switch)
                    {
                        // Any step of the run in turn: inside an epoch and at its end, before and after the evaluation that is due.
                        if (variant++ % (IsExhaustive ? 1 : Sampled) != optimizer % (IsExhaustive ? 1 : Sampled)) continue;
                        var point = new ExportOnce(1 + (variant % (StepsOfARun - 1)), AfterEvaluation: variant % 3 == 0);
                        AssertSame(new TrainingOptions
                        {
                            Optimizer = Optimizers[optimizer], Schedule = schedule, Accumulation = accumulation, Steps = StepsOfARun, BatchSize = 4,
                            Frozen = frozen ? new WeightFilter().Embeddings() : new WeightFilter(), UnfreezeEvery = gradual ? 1 : null,
                            EvaluateEvery = point.AfterEvaluation ? EvaluationInterval.Steps(1) : EvaluationInterval.Steps(2), EarlyStopping = new(StepsOfARun),
                            LayerDecay = 0.9, KeepBest = variant % 4 == 0, Features = variant % 2 == 0 ? [point] : [new WeightAverage(0.9), point],
                        });
                    }
                }
            }
        }
    }

    public static TheoryData<RunFeature> Regularising => [new StartingPointPenalty(0.1, 0.01), new Mixout(0.5), new AdversarialEmbeddings(), new NoisyEmbeddings(), new ReinitialisedLayers(1)];

    [Theory]
    [MemberData(nameof(Regularising))]
    public void It_does_with_what_regularises(RunFeature feature)
    {
        foreach (int accumulation in Accumulations)
        {
            AssertSame(new TrainingOptions
            {
                Optimizer = Optimizer.AdamW(1e-2), Accumulation = accumulation, Steps = StepsOfARun, BatchSize = 4, EvaluateEvery = EvaluationInterval.Steps(2), KeepBest = false,
                Features = [feature, new ExportOnce(2 + accumulation, AfterEvaluation: accumulation == 2)],
            });
        }
    }

    private static void AssertSame(TrainingOptions options)
    {
        using RowsClassifier whole = TinyRun.Model(), fresh = TinyRun.Model();
        TrainingResult expected = TinyRun.Run(whole, options);
        using RunState state = ExportOnce.Take()!;
        float[] untouched = TinyRun.Values(fresh);
        TrainingResult actual = TinyRun.Run(fresh, options, state);
        ExportOnce.Take()?.Dispose();
        if (!options.KeepBest) Assert.NotEqual(untouched, TinyRun.Values(fresh));
        Assert.Equal(TinyRun.Values(whole), TinyRun.Values(fresh));
        Assert.Equal(expected.History, actual.History);
        Assert.Equal(expected.SmoothedLoss, actual.SmoothedLoss);
        Assert.Equal(expected.Evaluations.Select(Numbers), actual.Evaluations.Select(Numbers));
        Assert.Equal((expected.Steps, expected.Tokens, expected.PaddingShare, expected.StopReason), (actual.Steps, actual.Tokens, actual.PaddingShare, actual.StopReason));
        Assert.Equal(expected.Warnings, actual.Warnings);
        Assert.True(actual.Elapsed > state.Counters.Elapsed);
    }

    private static string Numbers(EvaluationRecord record) => $"{record.Step} {record.TrainingLoss:R} {record.IsBest} {string.Join(" ", record.Metrics.Values.Select(pair => $"{pair.Value:R}"))}";

    [Fact]
    public void An_early_stop_is_remembered()
    {
        var options = new TrainingOptions { Steps = 40, BatchSize = 4, EvaluateEvery = EvaluationInterval.Steps(1), EarlyStopping = new(3, 10), Features = [new ExportOnce(3, true)] };
        using RowsClassifier whole = TinyRun.Model(), fresh = TinyRun.Model();
        TrainingResult expected = TinyRun.Run(whole, options);
        using RunState state = ExportOnce.Take()!;
        TrainingResult actual = TinyRun.Run(fresh, options, state);
        Assert.Equal((StopReason.StoppedEarly, 4L), (expected.StopReason, expected.Steps));
        Assert.Equal((expected.StopReason, expected.Steps), (actual.StopReason, actual.Steps));
        Assert.Equal(TinyRun.Values(whole), TinyRun.Values(fresh));
    }

    [Fact]
    public void A_state_of_another_recipe_or_of_other_data_is_refused_before_anything_changes()
    {
        var options = new TrainingOptions { Steps = 4, BatchSize = 4, Features = [new ExportOnce(2, false)] };
        using RowsClassifier model = TinyRun.Model();
        TinyRun.Run(model, options);
        using RunState state = ExportOnce.Take()!;
        float[] before = TinyRun.Values(model);
        Assert.Contains("another recipe", Assert.Throws<InvalidOptionsException>(() => TinyRun.Run(model, options with { Seed = 1 }, state)).Message, StringComparison.Ordinal);
        Assert.Contains("steps an epoch", Assert.Throws<InvalidOptionsException>(() => TinyRun.Run(model, options, state, TinyRun.Data(20))).Message, StringComparison.Ordinal);
        Assert.Equal(before, TinyRun.Values(model));
    }

    [Fact]
    public void A_state_that_lacks_a_weight_or_holds_another_names_all_of_them()
    {
        var options = new TrainingOptions { Steps = 4, BatchSize = 4, Features = [new ExportOnce(2, false)] };
        using RowsClassifier model = TinyRun.Model();
        TinyRun.Run(model, options);
        using RunState state = ExportOnce.Take()!;
        var tensors = state.Tensors.ToDictionary();
        string lost = tensors.Keys.First(name => name.StartsWith("weights/", StringComparison.Ordinal));
        tensors["weights/stranger"] = tensors[lost];
        tensors.Remove(lost);
        string message = Assert.Throws<InvalidOptionsException>(() => TinyRun.Run(model, options, state with { Tensors = tensors })).Message;
        Assert.Contains($"'{lost}' is missing", message, StringComparison.Ordinal);
        Assert.Contains("'weights/stranger'", message, StringComparison.Ordinal);
    }
}
