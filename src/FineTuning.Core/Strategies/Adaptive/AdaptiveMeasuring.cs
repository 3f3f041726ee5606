using System.Globalization;
using FineTuning.Errors;
using FineTuning.Models;
using FineTuning.Tasks;
using FineTuning.Tensors;
using FineTuning.Training;

namespace FineTuning.Strategies;

/// <summary>Measures within a share of the budget; afterwards the model has the weights that it had, to the bit.</summary>
/// <param name="model">On the thread of a run that has its weights.</param>
/// <param name="taken">The data.</param>
/// <param name="plain">The tuner's own recipe.</param>
/// <param name="budget">Of the whole call.</param>
/// <param name="observer">Told nothing but messages.</param>
internal sealed class AdaptiveMeasuring(TunableModel model, TakenRun taken, TrainingOptions plain, AdaptiveBudget budget, RunObserver observer)
{
    private const int LeastBatch = 4, LeastSteps = 10, MostSteps = 100, WantedSteps = 30, NoiseSteps = 6;
    // Of what measuring may take, what reading the probed rows may take.
    private const double ProbingShare = 0.5;
    // A weight, its gradient, two moments, and copies of the best weights and of those before the run.
    private const int BytesForAWeight = 24;

    private readonly TimeSpan _start = taken.Clock.Elapsed;
    private double _cost;

    /// <summary>Rows that a second computes; NaN: not known yet.</summary>
    public double Speed { get; private set; } = double.NaN;

    private double RowsAllowed => (budget.Rows ?? double.PositiveInfinity) * AdaptiveBudget.MeasuringShare;

    private TimeSpan TimeAllowed => budget.Time is { } time ? time * AdaptiveBudget.MeasuringShare : TimeSpan.MaxValue;

    private TimeSpan Spent => taken.Clock.Elapsed - _start;

    /// <summary>Measures what does not depend on what trains.</summary>
    public AdaptiveMeasurements Probe()
    {
        Weight[] trunk = [.. model.SharedTrunk?.Weights ?? Enumerable.Empty<Weight>()];
        int layers = model.Weights.HeadDepth - 1;
        var measured = new AdaptiveMeasurements
        {
            TrainingRows = taken.Train.Rows.Count, ValidationRows = taken.Validation!.Rows.Count, Layers = layers,
            HiddenSize = model.SharedTrunk?.Plan.HiddenSize ?? 0, TakesAdapters = model.SharedHead is not null,
            TrunkTrains = trunk.Length == 0 || Array.Exists(trunk, weight => weight.CanTrain),
            LayersAreApart = Enumerable.Range(1, layers).All(depth => model.Weights.Any(weight => weight.Depth == depth)),
            Memory = (BytesForAWeight * model.Weights.Sum(weight => weight.Value.numel()), MemoryLimit.Current()),
        };
        if (LayerProbing.WhyNot(model, taken.Train) is { } reason)
            return measured with { LeftOut = [$"linear probes, usable information and label noise were left out: {reason}"] };
        int most = (int)Math.Min(LayerProbing.MostRows, RowsAllowed * ProbingShare / RowCost.Forward);
        if (Math.Min(most, taken.Train.Rows.Count) < LayerProbing.LeastRows)
        {
            string rows = Say($"there is room for {most} of {taken.Train.Rows.Count} rows, and they take {LayerProbing.LeastRows}");
            return measured with { LeftOut = [$"linear probes were left out: {rows}"] };
        }
        var probing = new LayerProbing(model, taken.Train, plain.Seed);
        probing.Read(most, () => Spent > TimeAllowed * ProbingShare, taken.Stop);
        Count(probing.Rows * RowCost.Forward, Spent);
        return probing.Fitted(measured, taken.Stop);
    }

    /// <summary>Measures the rates and the noise of gradients with what is to train.</summary>
    /// <param name="measured">What is known so far.</param>
    /// <param name="depth">What is to train.</param>
    /// <param name="cost">What steps cost.</param>
    public AdaptiveMeasurements Rates(AdaptiveMeasurements measured, TuningDepth depth, RowCost cost)
    {
        double left = RowsAllowed - _cost;
        double inTime = double.IsNaN(Speed) ? LeastSteps * LeastBatch * 2 : Math.Max(0, (TimeAllowed - Spent).TotalSeconds) * Speed;
        if (budget.Time is not null) left = Math.Min(left, inTime);
        // States are not kept for so few steps.
        double step = (cost with { KeepsStates = false }).Step(depth);
        int batch = (int)Math.Clamp(left / step / WantedSteps, LeastBatch, 16), steps = (int)Math.Min(MostSteps, left / (step * batch)) - 1;
        if (depth.Rank is not null || steps < LeastSteps)
        {
            string why = depth.Rank is not null ? "an adapter would have to be put on the model first"
                : Say($"the budget has room for {Math.Max(0, steps)} steps, and they take {LeastSteps}");
            return Finished(measured with { LeftOut = [.. measured.LeftOut, $"the range test of rates and the gradient noise scale were left out: {why}"] });
        }
        double usual = AdaptiveRules.UsualRate(measured, depth, plain.Optimizer);
        var range = new LearningRateRange { Lowest = usual / 100, Highest = Math.Min(1000, usual * 300), Steps = steps };
        var noise = new NoiseReading();
        TrainingOptions recipe = RangeTest.Recipe(depth.On(plain), range) with { BatchSize = batch, Accumulation = 1, TokenBudget = null, FrozenStates = null };
        recipe = recipe.With(new GradientNoise(NoiseSteps) { Found = noise }) with { TimeLimit = budget.Time is null ? null : _start + TimeAllowed };
        TimeSpan before = Spent;
        LearningRateCurve? curve = null;
        string? problem = null;
        try
        {
            curve = RangeTest.Run(model, taken, recipe, observer);
        }
        catch (Exception failure) when (failure is DivergedException or TrainingMemoryException or InvalidOptionsException)
        {
            problem = $"the range test of rates was left out: {failure.Message}";
        }
        // The rehearsal of a batch is a step more.
        Count(((curve?.Points.Count ?? 0) + 1) * batch * step, Spent - before);
        return Finished(measured with
        {
            Rates = curve is { Points.Count: >= LeastSteps } ? curve : null, GradientNoiseScale = noise.Scale,
            LeftOut = problem is null ? measured.LeftOut : [.. measured.LeftOut, problem],
        });
    }

    private AdaptiveMeasurements Finished(AdaptiveMeasurements measured) => measured with { Cost = _cost, Elapsed = Spent };

    private void Count(double rows, TimeSpan time)
    {
        _cost += rows;
        if (rows > 0 && time > TimeSpan.Zero) Speed = rows / time.TotalSeconds;
    }

    private static string Say(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
