using FineTuning.Errors;
using FineTuning.Metrics;
using FineTuning.Training;
using Xunit;

namespace FineTuning.Tests.Training;

/// <summary>Soups, smoothed patience, and the sign that a run learned its rows by heart.</summary>
public sealed class SoupTests
{
    // Weights go to and fro around what fits these rows, so that a mean of several is better.
    private static IdsWithLabel[] Rows => TinyRun.Data(10);

    [Fact]
    public void A_greedy_soup_is_the_mean_of_what_does_not_make_it_worse() =>
        Assert.True(new[] { 0.3, 0.6, 1 }.Select(PartsOf).Any(parts => parts > 1), "no soup of these runs has several parts: the test shows nothing");

    private static int PartsOf(double rate)
    {
        using RowsClassifier model = TinyRun.Model(), plain = TinyRun.Model();
        var seen = new List<(double Value, float[] Values)>();
        TrainingOptions recipe = Options() with { Optimizer = Optimizer.Sgd(rate) }, options = recipe with { Features = [new GreedySoup(3), new Watch(seen)] };
        TrainingResult result = FineTuner.For(model).With(_ => options).ValidateOn(Rows).Train(Rows), alone = FineTuner.For(plain).With(_ => recipe).ValidateOn(Rows).Train(Rows);
        // By hand: the best three of the evaluations, in order; each is added where the loss does not rise.
        (double Value, float[] Values)[] best = [.. seen.OrderBy(entry => entry.Value).Take(3)];
        (float[] soup, double loss, int parts) = (best[0].Values, best[0].Value, 1);
        foreach ((_, float[] values) in best.Skip(1))
        {
            float[] mixed = [.. soup.Zip(values, (one, other) => one + ((other - one) / (parts + 1)))];
            double measured = Measure(mixed);
            if (measured > loss) continue;
            (soup, loss, parts) = (mixed, measured, parts + 1);
        }
        float[] ended = TinyRun.Values(model);
        for (int i = 0; i < soup.Length; i++) Assert.Equal(soup[i], ended[i], 1e-6);
        Assert.Equal(loss, result.Best!.Metrics["loss"], 1e-6);
        Assert.True(result.Best.Metrics["loss"] <= alone.Best!.Metrics["loss"] + 1e-9);
        Assert.Contains(result.Warnings, warning => warning.Contains($"has {parts} of 3", StringComparison.Ordinal));
        return parts;
    }

    [Fact]
    public void A_soup_goes_on_from_a_state_to_the_same_bits()
    {
        using RowsClassifier whole = TinyRun.Model(), parts = TinyRun.Model(), rest = TinyRun.Model();
        TrainingOptions options = Options() with { Features = [new GreedySoup(3)] };
        TinyRun.Run(whole, options);
        TinyRun.Run(parts, options with { Features = [new GreedySoup(3), new ExportOnce(6, true)] });
        using RunState state = ExportOnce.Take()!;
        TinyRun.Run(rest, options, state with { Recipe = options });
        Assert.Equal(TinyRun.Values(whole), TinyRun.Values(rest));
    }

    [Fact]
    public void Patience_waits_for_the_smoothed_curve_and_the_best_is_the_best_single_value()
    {
        double[] values = [0.5, 0.6, 0.55, 0.62, 0.57, 0.63, 0.58, 0.64];
        int Stops(double smoothing, int patience, double[] seen)
        {
            var selection = new Selection(true, new EarlyStopping(patience) { Smoothing = smoothing });
            for (int i = 0; i < seen.Length; i++)
            {
                bool isBest = selection.Observe(seen[i]);
                Assert.Equal(seen[i] > seen.Take(i).DefaultIfEmpty(double.NegativeInfinity).Max(), isBest);
                if (selection.ShouldStop) return i;
            }
            return -1;
        }
        // A single value below the best is no end of the curve, and a single lucky one no reason to go on.
        Assert.Equal(2, Stops(0, 1, values));
        Assert.Equal(-1, Stops(0.7, 2, values));
        double[] lucky = [0.5, 0.5, 0.9, 0.4, 0.4, 0.4, 0.4, 0.4];
        Assert.Equal(4, Stops(0, 2, lucky));
        double[] falling = [0.9, 0.8, 0.7, 0.85, 0.6, 0.5];
        Assert.Equal(2, Stops(0.5, 2, falling));
        // The mean has no bias of its start: without change it is the value itself.
        Assert.Equal(3, Stops(0.9, 3, [0.5, 0.5, 0.5, 0.5, 0.5]));
    }

    [Fact]
    public void Curves_that_part_are_said_with_what_to_try()
    {
        EvaluationRecord At(long step, double training, double validation) => new(step, step / 10.0, training, new MetricReport([MetricValue.Lower("loss", validation)]), false);
        EvaluationRecord[] parted = [At(10, 1, 0.9), At(20, 0.6, 0.7), At(30, 0.4, 0.75), At(40, 0.2, 0.95)];
        Overfitting sign = Overfitting.Find(parted)!;
        Assert.Equal(20, sign.Step);
        Assert.Equal((0.7, 0.95), sign.ValidationLoss);
        Assert.Equal((0.6, 0.2), sign.TrainingLoss);
        string said = sign.Describe(new TrainingOptions());
        Assert.Contains("StopEarly, WithAugmentation, WithDropoutConsistency", said, StringComparison.Ordinal);
        Assert.DoesNotContain("StopEarly", sign.Describe(new TrainingOptions { EarlyStopping = new EarlyStopping(2) }), StringComparison.Ordinal);
        Assert.Null(Overfitting.Find(parted[..3]));
        Assert.Null(Overfitting.Find([At(10, 1, 0.9), At(20, 0.6, 0.7), At(30, 0.4, 0.69), At(40, 0.2, 0.7)]));
        // Both rise: the run diverges, which is something else.
        Assert.Null(Overfitting.Find([At(10, 1, 0.9), At(20, 0.6, 0.7), At(30, 0.8, 0.9), At(40, 0.9, 1.2)]));
        Assert.Null(Overfitting.Find([]));
    }

    [Fact]
    public void A_run_over_few_rows_says_that_it_learned_them_by_heart()
    {
        using RowsClassifier model = TinyRun.Model(0);
        TrainingResult result = TinyRun.Run(model, new TrainingOptions { Epochs = 60, BatchSize = 5, Optimizer = Optimizer.AdamW(2e-2), Schedule = Schedule.Constant() });
        Assert.NotNull(result.Overfitting);
        Assert.Contains(result.Warnings, warning => warning.Contains("the curves part", StringComparison.Ordinal));
    }

    [Fact]
    public void What_does_not_fit_is_refused()
    {
        using RowsClassifier model = TinyRun.Model();
        var tuner = FineTuner.For(model).WithGreedySoup(1).WithWeightAverage().StopEarly(smoothing: 1).With(o => o with { KeepBest = false });
        Assert.Equal(6, Assert.Throws<InvalidOptionsException>(() => tuner.Train(TinyRun.Data(4))).Violations.Count);
        TrainingOptions options = FineTuner.For(model).WithGreedySoup().StopEarly(smoothing: 0.5).Options;
        Assert.Equal(options, TrainingOptions.FromJson(options.ToJson()));
    }

    private static double Measure(float[] values)
    {
        using RowsClassifier model = TinyRun.Model();
        int at = 0;
        using (TorchSharp.torch.no_grad())
        {
            foreach (FineTuning.Models.Weight weight in model.Weights)
            {
                int count = (int)weight.Value.numel();
                weight.Value.copy_(TorchSharp.torch.tensor(values[at..(at + count)], weight.Value.shape));
                at += count;
            }
        }
        return model.Evaluate(Rows)["loss"];
    }

    private static TrainingOptions Options() => new()
    {
        Steps = 60, BatchSize = 2, EvaluateEvery = EvaluationInterval.Steps(3), Metric = "loss", Optimizer = Optimizer.Sgd(0.3), Schedule = Schedule.Constant(),
    };

    /// <summary>Writes down loss and weights of every evaluation.</summary>
    private sealed record Watch(List<(double Value, float[] Values)> Seen) : RunFeature
    {
        internal override LoopFeature Start() => new Watching(Seen);

        private sealed class Watching(List<(double Value, float[] Values)> seen) : LoopFeature
        {
            public override void AfterEvaluation(RunParts run) =>
                seen.Add((run.Record.LastEvaluation!.Metrics["loss"], TinyRun.Values((RowsClassifier)run.Model)));
        }
    }
}
