using System.Globalization;
using System.Runtime.ExceptionServices;
using FineTuning.Errors;
using FineTuning.Metrics;
using FineTuning.Models;
using FineTuning.Tasks;
using FineTuning.Training;

namespace FineTuning.Strategies;

/// <summary>Measures, chooses, trains, and compares with the tuner's own recipe where the budget has room; the model keeps the better weights.</summary>
/// <remarks>On the thread of a run that has the weights for itself.</remarks>
internal sealed class AdaptiveRun : IDisposable
{
    private const double RevisedAfter = 0.25, NothingToGain = 0.005, Caution = 0.8;
    private const int EvaluatedAtOnce = 64;

    private readonly TunableModel _model;
    private readonly TakenRun _taken;
    private readonly TrainingOptions _plain;
    private readonly AdaptiveBudget _budget;
    private readonly RunObserver _observer;
    private readonly string _metric;
    private readonly MetricDirection _direction;
    private readonly BestWeights _start, _best;
    private readonly TrainableWeights _trained;
    private readonly RowCost _cost;
    private readonly List<AdaptiveTrial> _trials = [];
    private readonly List<string> _reasons = [];
    private AdaptiveTrial? _kept, _present;
    private Exception? _failure;
    private string? _adapter;

    /// <exception cref="InvalidOptionsException">The budget is too small for the data, or its time was up before that was read.</exception>
    public AdaptiveRun(TunableModel model, TakenRun taken, TrainingOptions plain, AdaptiveBudget budget, RunObserver observer)
    {
        (_model, _taken, _budget, _observer) = (model, taken, budget, observer);
        if (taken.Validation is null)
            throw new InvalidOptionsException([$"the budget's time ({budget.Time}) was up before the validation data was read: allow more"]);
        _cost = new(taken.Train.Rows.Count, taken.Validation.Rows.Count, plain.FrozenStates is not null && model.WhyInputsChange is null);
        long least = (2L * _cost.Training) + _cost.Validation;
        if (budget.Rows < least)
        {
            throw new InvalidOptionsException([$"the budget is {budget.Rows} rows, the data holds {_cost.Training} to learn from and {_cost.Validation} to "
                + $"evaluate on: one pass and measuring take {least}"]);
        }
        _plain = plain with { TimeLimit = budget.Time };
        _metric = plain.Metric ?? model.PrimaryMetric;
        _direction = Evaluator.DryRun(model, taken.Validation, _metric);
        _start = new([.. model.Weights.Where(weight => weight.CanTrain)]);
        _best = new([.. model.Weights.Where(weight => weight.CanTrain)]);
        _start.Keep();
        _trained = new(model.Weights);
    }

    // The first batches of a run are rehearsed.
    private double Rehearsal => Math.Min(_cost.Training, Math.Max(32, _plain.BatchSize)) + (Math.Min(EvaluatedAtOnce, _cost.Validation) * RowCost.Forward);

    public AdaptiveResult Run()
    {
        bool isTuned = false;
        try
        {
            var measuring = new AdaptiveMeasuring(_model, _taken, _plain, _budget, _observer);
            AdaptiveMeasurements measured = measuring.Probe();
            (TuningDepth Depth, string Reason) depth = AdaptiveRules.Depth(measured);
            measured = measuring.Rates(measured, depth.Depth, _cost);
            _taken.Stop.ThrowIfCancellationRequested();
            AdaptiveChoice choice = AdaptiveChoice.Of(measured, depth, _plain, _cost, Left(measured, measuring.Speed));
            _reasons.AddRange(choice.Reasons);
            if (choice.Comparison == PlainComparison.Short) TrainBestOf(choice, AdaptiveChoice.PlainDepth(measured));
            else TrainBoth(choice, AdaptiveChoice.PlainDepth(measured), measured, measuring.Speed);
            if (_kept is null) ExceptionDispatchInfo.Throw(_failure!);
            if (!ReferenceEquals(_kept, _present)) Restore(_kept);
            isTuned = true;
            return new(measured, [.. _reasons], choice.Recipe with { TimeLimit = null }, [.. _trials], _kept) { Elapsed = _taken.Clock.Elapsed };
        }
        finally
        {
            if (!isTuned)
            {
                Reset();
                _trained.Restore();
            }
        }
    }

    public void Dispose()
    {
        _start.Dispose();
        _best.Dispose();
    }

    private double Left(AdaptiveMeasurements measured, double speed)
    {
        double left = (_budget.Rows ?? double.PositiveInfinity) - measured.Cost - (3 * Rehearsal);
        if (_budget.Time is not { } time) return left;
        // Where nothing was measured, as much as three passes.
        double byTime = double.IsNaN(speed) ? 3.0 * (_cost.Training + _cost.Validation) : (time - _taken.Clock.Elapsed).TotalSeconds * speed * Caution;
        return Math.Min(left, Math.Max(0, byTime));
    }

    private void TrainBoth(AdaptiveChoice choice, TuningDepth plainDepth, AdaptiveMeasurements measured, double speed)
    {
        AdaptiveTrial? chosen = Train("the chosen recipe", choice.Depth, Revised(choice.Recipe));
        if (IsOver) return;
        if (chosen is null)
        {
            double left = Left(measured, speed) - _trials.Sum(trial => trial.Cost);
            if (choice.Depth.Rank is not null || AdaptiveChoice.CostOf(plainDepth, _plain, _cost) > left) ExceptionDispatchInfo.Throw(_failure!);
        }
        else if (choice.Comparison == PlainComparison.None)
        {
            return;
        }
        else if (ErrorScale.Of(_direction, [chosen.Score]) is { Top: > 0 } scale && scale.Error(chosen.Score) <= NothingToGain * scale.Top)
        {
            _reasons.Add(Say($"the tuner's own recipe was not run: {_metric} {chosen.Score:0.####} leaves next to nothing to gain"));
            return;
        }
        AdaptiveTrial? plain = Train("the tuner's own recipe", plainDepth, _plain);
        if (chosen is not null && plain is not null) Compare(chosen, plain);
    }

    private void TrainBestOf(AdaptiveChoice choice, TuningDepth plainDepth)
    {
        AdaptiveTrial? chosen = Train("the chosen recipe, a third of it", choice.Depth, Shortened(choice.Recipe));
        if (IsOver) return;
        AdaptiveTrial? plain = Train("the tuner's own recipe, a third of it", plainDepth, Shortened(_plain));
        if (chosen is not null && plain is not null) Compare(chosen, plain);
        if (IsOver || (chosen is null && plain is null)) return;
        if (ReferenceEquals(_kept, chosen)) Train("the chosen recipe", choice.Depth, Revised(Keeping(choice.Recipe)));
        else Train("the tuner's own recipe", plainDepth, Keeping(_plain));
    }

    private bool IsOver => _taken.Stop.IsCancellationRequested || _taken.Clock.IsUp()
        || _trials is [.., { Run.StopReason: StopReason.Cancelled or StopReason.TimeLimit }];

    private void Compare(AdaptiveTrial chosen, AdaptiveTrial plain) =>
        _reasons.Add(Say($"on the validation data the chosen recipe has {_metric} {chosen.Score:0.####}, the tuner's own {plain.Score:0.####}: ")
            + (ReferenceEquals(_kept, chosen) ? "the chosen one is kept" : "the tuner's own is kept"));

    // Null: it got nowhere.
    private AdaptiveTrial? Train(string name, TuningDepth depth, TrainingOptions recipe)
    {
        Reset();
        try
        {
            if (recipe.Features.OfType<AdapterTuning>().FirstOrDefault() is { } adapter)
            {
                _model.Adapters.AddInRun(adapter.Adapter!, adapter.Name, recipe.Seed);
                (_adapter, _model.ActiveAdapter!.TunedBy) = (adapter.Name, adapter.Configuration);
            }
            TrainingResult run = new TrainingLoop(_model, _taken.Train, _taken.Validation, recipe, _observer, _taken.Stop, _taken.Clock).Run();
            var trial = new AdaptiveTrial(name, run, _cost.Of(run, depth) + Rehearsal);
            _trials.Add(trial);
            _present = trial;
            if (_kept is null || !(Signed(_kept.Score) >= Signed(trial.Score)))
            {
                _kept = trial;
                _best.Keep();
            }
            return trial;
        }
        catch (Exception failure) when (failure is DivergedException or TrainingMemoryException or InvalidOptionsException)
        {
            _failure ??= failure;
            _reasons.Add($"{name} was given up: {failure.Message}");
            return null;
        }
    }

    private void Restore(AdaptiveTrial kept)
    {
        _best.Restore();
        if (kept.Run.Metrics is { } metrics) _model.Calibrate(metrics);
    }

    private void Reset()
    {
        if (_adapter is not null) _model.Adapters.RemoveInRun(_adapter);
        (_adapter, _present) = (null, null);
        _start.Restore();
    }

    private TrainingOptions Revised(TrainingOptions recipe) => recipe.With(new AdaptiveRevision(RevisedAfter) { Told = _reasons.Add });

    // The whole run of it begins on the same states.
    private static TrainingOptions Keeping(TrainingOptions recipe) =>
        recipe with { FrozenStates = recipe.FrozenStates is { } kept ? kept with { KeepAfterRun = true } : null };

    private static TrainingOptions Shortened(TrainingOptions recipe) =>
        Keeping(recipe) with { Epochs = Math.Max(1, (int)Math.Round((recipe.Epochs ?? 3) * AdaptiveChoice.ShortShare)) };

    private double Signed(double score) => _direction == MetricDirection.Higher ? score : -score;

    private static string Say(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
