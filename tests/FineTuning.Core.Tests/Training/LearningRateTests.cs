using FineTuning.Errors;
using FineTuning.Training;
using Xunit;

namespace FineTuning.Tests.Training;

/// <summary>A range test goes through rates, ends where the loss grows, and leaves the model as it was.</summary>
public sealed class LearningRateTests
{
    [Fact]
    public void Weights_and_what_trains_are_as_they_were_to_the_bit_and_rates_grow_by_one_factor()
    {
        using RowsClassifier model = TinyRun.Model();
        float[] before = TinyRun.Values(model);
        bool[] trained = [.. model.Weights.Select(weight => weight.IsTrainable)];
        var range = new LearningRateRange { Lowest = 1e-6, Highest = 1e-2, Steps = 30 };
        LearningRateCurve curve = FineTuner.For(model).Freeze(l => l.Embeddings()).BatchSize(4).WithWeightAverage(0.5).FindLearningRate(TinyRun.Data(20), range);
        Assert.Equal(before, TinyRun.Values(model));
        Assert.Equal(trained, model.Weights.Select(weight => weight.IsTrainable));
        Assert.Equal(30, curve.Points.Count);
        Assert.Equal(1e-6, curve.Points[0].LearningRate, 1e-12);
        Assert.Equal(1e-2, curve.Points[^1].LearningRate, 1e-9);
        double factor = Math.Pow(1e4, 1 / 29.0);
        Assert.All(curve.Points.Zip(curve.Points.Skip(1)), pair => Assert.Equal(factor, pair.Second.LearningRate / pair.First.LearningRate, 1e-9));
        Assert.Equal(curve.Points[0].Loss, curve.Points[0].SmoothedLoss, 1e-12);
    }

    [Fact]
    public void It_suggests_a_rate_at_which_the_loss_falls_and_stops_where_it_grows()
    {
        using RowsClassifier model = TinyRun.Model();
        LearningRateCurve curve = FineTuner.For(model).BatchSize(16).WithOptimizer(Optimizer.Sgd(0.1)).ClipGradients(null)
            .FindLearningRate(TinyRun.Data(64), new LearningRateRange { Lowest = 1e-4, Highest = 1000, Steps = 200 });
        Assert.True(curve.Points.Count < 200, curve.ToString());
        Assert.True(curve.Suggested > 1e-4 && curve.Suggested < curve.Lowest && curve.Lowest < curve.Points[^1].LearningRate, curve.ToString());
        Assert.InRange(curve.Steepest, 1e-4, curve.Points[^1].LearningRate);
        // What is suggested learns more than a rate a hundred times lower.
        double Loss(double rate)
        {
            using RowsClassifier own = TinyRun.Model();
            return FineTuner.For(own).BatchSize(16).WithOptimizer(Optimizer.Sgd(rate)).WithScheduler(Schedule.Constant()).Epochs(30).Train(TinyRun.Data(64)).History.TakeLast(4).Average(step => step.Loss);
        }
        (double suggested, double low) = (Loss(curve.Suggested), Loss(curve.Suggested / 100));
        Assert.True(suggested < low, $"{suggested} at what is suggested, {low} at a hundredth of it: {curve}");
    }

    [Fact]
    public void The_curve_stands_in_the_report()
    {
        using RowsClassifier model = TinyRun.Model();
        FineTuner<IdsWithLabel> tuner = FineTuner.For(model).BatchSize(4).Epochs(1);
        LearningRateCurve curve = tuner.FindLearningRate(TinyRun.Data(12));
        string path = Path.GetTempFileName();
        tuner.Train(TinyRun.Data(12)).SaveReport(path, [curve]);
        string page = File.ReadAllText(path);
        File.Delete(path);
        Assert.Contains("Learning rates", page, StringComparison.Ordinal);
        Assert.Contains("log10 of the learning rate", page, StringComparison.Ordinal);
    }

    [Fact]
    public void Wrong_ranges_are_refused_together_and_a_cancelled_test_leaves_the_weights()
    {
        using RowsClassifier model = TinyRun.Model();
        Assert.Equal(4, Assert.Throws<InvalidOptionsException>(() => FineTuner.For(model).FindLearningRate(
            TinyRun.Data(4), new LearningRateRange { Lowest = 0, Highest = -1, Steps = 1, StopFactor = 1 })).Violations.Count);
        float[] before = TinyRun.Values(model);
        using var stop = new CancellationTokenSource();
        IEnumerable<IdsWithLabel> Data()
        {
            foreach (IdsWithLabel row in TinyRun.Data(12)) yield return row;
            stop.Cancel();
        }
        Assert.ThrowsAny<OperationCanceledException>(() => FineTuner.For(model).FindLearningRate(Data(), null, stop.Token));
        Assert.Equal(before, TinyRun.Values(model));
    }
}
