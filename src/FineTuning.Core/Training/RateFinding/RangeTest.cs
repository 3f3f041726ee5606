using FineTuning.Models;
using FineTuning.Tasks;

namespace FineTuning.Training;

/// <summary>Trains some steps with growing rates, notes the losses, and puts the weights back to the bit.</summary>
internal static class RangeTest
{
    private const double Smoothing = 0.98;

    /// <summary>On the thread of a run that has the weights for itself.</summary>
    /// <param name="model">Has its weights back afterwards, however it ends.</param>
    /// <param name="taken">The data.</param>
    /// <param name="recipe">What <see cref="Recipe"/> gave.</param>
    /// <param name="observer">Told nothing but messages.</param>
    public static LearningRateCurve Run(TunableModel model, TakenRun taken, TrainingOptions recipe, RunObserver observer)
    {
        (Weight Weight, bool Trains)[] before = [.. model.Weights.Select(weight => (weight, weight.IsTrainable))];
        using var start = new BestWeights([.. model.Weights.Where(weight => weight.CanTrain)]);
        start.Keep();
        try
        {
            var silent = new RunObserver { Logger = observer.Logger };
            TrainingResult result = new TrainingLoop(model, taken.Train, null, recipe, silent, taken.Stop, taken.Clock).Run();
            if (result.StopReason == StopReason.Cancelled) throw new OperationCanceledException(taken.Stop);
            double mean = 0, weight = 1;
            return new([.. result.History.Select(step =>
            {
                (mean, weight) = ((Smoothing * mean) + ((1 - Smoothing) * step.Loss), weight * Smoothing);
                return new LearningRatePoint(step.LearningRate, step.Loss, mean / (1 - weight));
            })]);
        }
        finally
        {
            start.Restore();
            foreach ((Weight weight, bool trains) in before) weight.IsTrainable = trains;
        }
    }

    /// <summary>The recipe of a test: that of a run, with other rates and nothing that would end it or step in.</summary>
    public static TrainingOptions Recipe(TrainingOptions options, LearningRateRange range) => options.WithoutWatchers() with
    {
        Features = [.. options.WithoutWatchers().Features.Where(feature => feature is not DivergenceGuard), new RangeStop(range.StopFactor)],
        FrozenStates = options.FrozenStates, Epochs = null, Steps = range.Steps, EarlyStopping = null, Metric = null,
        Optimizer = options.Optimizer with { LearningRate = range.Highest }, Schedule = new RangeSchedule(range.Lowest / range.Highest),
    };

    /// <summary>Ends a test where the loss grows or is not finite.</summary>
    internal sealed record RangeStop(double Factor) : RunFeature
    {
        internal override LoopFeature Start() => new Stop(Factor);

        private sealed class Stop(double factor) : LoopFeature
        {
            private double _mean, _weight = 1, _lowest = double.PositiveInfinity;

            public override void AfterStep(RunParts run)
            {
                (_mean, _weight) = ((Smoothing * _mean) + ((1 - Smoothing) * run.Record.LastLoss), _weight * Smoothing);
                double smoothed = _mean / (1 - _weight);
                if (smoothed > factor * _lowest) run.Record.Stop = StopReason.Completed;
                _lowest = Math.Min(_lowest, smoothed);
            }

            public override bool Recover(RunParts run, string problem)
            {
                run.Record.Stop = StopReason.Completed;
                return true;
            }
        }
    }
}

/// <summary>Up from a share of the rate to the rate, by the same factor with each step.</summary>
/// <param name="Lowest">The share at the first step, above 0 and below 1.</param>
internal sealed record RangeSchedule(double Lowest) : Schedule(default(Warmup))
{
    private protected override double Proper(long step, long total, long climb) => Math.Pow(Lowest, 1 - (step / (double)Math.Max(1, total - 1)));
}
