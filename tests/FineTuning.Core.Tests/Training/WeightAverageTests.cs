using FineTuning.Errors;
using FineTuning.Training;
using Xunit;

namespace FineTuning.Tests.Training;

/// <summary>The moving average of weights: computed by hand beside it, evaluated with, ended with.</summary>
public sealed class WeightAverageTests
{
    private const double Decay = 0.4;

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void The_model_ends_with_the_average_of_the_weights_after_each_step(bool frozen)
    {
        using RowsClassifier model = TinyRun.Model();
        double[] average = [.. TinyRun.Values(model).Select(value => (double)value)];
        int steps = 0;
        var tuner = FineTuner.For(model).Steps(6).BatchSize(4).WithOptimizer(Optimizer.AdamW(1e-2)).WithWeightAverage(Decay);
        if (frozen) tuner = tuner.Freeze(l => l.Embeddings());
        tuner.OnProgress(progress =>
        {
            if (progress.Phase != TrainingPhase.Training) return;
            steps++;
            double kept = Math.Min(Decay, (1.0 + steps) / (10 + steps));
            float[] now = TinyRun.Values(model);
            for (int i = 0; i < average.Length; i++) average[i] = (kept * average[i]) + ((1 - kept) * now[i]);
        }).Train(TinyRun.Data(10));
        Assert.Equal(6, steps);
        Assert.All(average.Zip(TinyRun.Values(model)), pair => Assert.Equal(pair.First, pair.Second, 1e-6));
    }

    [Fact]
    public void It_is_evaluated_with_the_average_and_trains_as_without()
    {
        (TrainingResult, float[]) Run(bool averaged, bool keepBest)
        {
            using RowsClassifier model = TinyRun.Model();
            var tuner = FineTuner.For(model).Epochs(4).BatchSize(4).WithOptimizer(Optimizer.AdamW(2e-2)).ValidateOn(TinyRun.Data(6, 2)).With(o => o with { KeepBest = keepBest });
            TrainingResult result = (averaged ? tuner.WithWeightAverage(Decay) : tuner).Train(TinyRun.Data(10));
            // What the model has at the end is what the best (or last) evaluation saw.
            TrainingResult again = FineTuner.For(model).Steps(1).WithOptimizer(Optimizer.Sgd(1e-12)).ValidateOn(TinyRun.Data(6, 2)).Train(TinyRun.Data(4));
            Assert.Equal(result.Metrics!["loss"], again.Metrics!["loss"], 1e-6);
            return (result, TinyRun.Values(model));
        }
        foreach (bool keepBest in new[] { false, true })
        {
            (TrainingResult plain, _) = Run(false, keepBest);
            (TrainingResult averaged, _) = Run(true, keepBest);
            Assert.Equal(plain.History, averaged.History);
            Assert.NotEqual(plain.Evaluations.Select(entry => entry.Metrics["loss"]), averaged.Evaluations.Select(entry => entry.Metrics["loss"]));
        }
    }

    [Fact]
    public void Its_violations_are_reported_with_all_others()
    {
        using RowsClassifier model = TinyRun.Model();
        var failure = Assert.Throws<InvalidOptionsException>(() => FineTuner.For(model).BatchSize(0).WithWeightAverage(1).Train(TinyRun.Data(4)));
        Assert.Equal(2, failure.Violations.Count);
        Assert.Single(FineTuner.For(model).WithWeightAverage(0.5).WithWeightAverage(0.6).Options.Features);
    }
}
