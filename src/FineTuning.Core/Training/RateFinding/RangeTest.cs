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
        var trained = new TrainableWeights(model.Weights);
        using var start = new BestWeights([.. model.Weights.Where(weight => weight.CanTrain)]);
        start.Keep();
        try
        {
            var silent = new RunObserver { Logger = observer.Logger };
            TrainingResult result = new TrainingLoop(model, taken.Train, null, recipe, silent, taken.Stop, taken.Clock).Run();
            if (result.StopReason == StopReason.Cancelled) throw new OperationCanceledException(taken.Stop);
            var mean = new ExponentialMean(Smoothing);
            return new([.. result.History.Select(step =>
            {
                mean = mean.With(step.Loss);
                return new LearningRatePoint(step.LearningRate, step.Loss, mean.Value);
            })]);
        }
        finally
        {
            start.Restore();
            trained.Restore();
        }
    }

    /// <summary>The recipe of a test: that of a run, with other rates and nothing that would end it or step in.</summary>
    public static TrainingOptions Recipe(TrainingOptions options, LearningRateRange range) => options with
    {
        Features =
        [
            .. options.Features.Where(feature => feature.ChangesTheResult && feature is not DivergenceGuard), new RangeStop(range.StopFactor),
        ],
        Epochs = null, Steps = range.Steps, EarlyStopping = null, Metric = null,
        Optimizer = options.Optimizer with { LearningRate = range.Highest }, Schedule = new RangeSchedule(range.Lowest / range.Highest),
    };

    /// <summary>Ends a test where the loss grows or is not finite.</summary>
    internal sealed record RangeStop(double Factor) : RunFeature
    {
        internal override LoopFeature Start() => new Stop(Factor);

        private sealed class Stop(double factor) : LoopFeature
        {
            private ExponentialMean _mean = new(Smoothing);
            private double _lowest = double.PositiveInfinity;

            public override void AfterStep(RunParts run)
            {
                _mean = _mean.With(run.Record.LastLoss);
                if (_mean.Value > factor * _lowest) run.Record.Stop = StopReason.Completed;
                _lowest = Math.Min(_lowest, _mean.Value);
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
