using FineTuning.Errors;
using FineTuning.Strategies;
using FineTuning.Training;

namespace FineTuning;

/// <summary>
/// Measures how hard the data is for the model, chooses a recipe by that, and tunes the model:
/// <c>FineTuner.For(model).ValidateOn(dev).Adaptive(AdaptiveBudget.OfRows(20_000)).Train(data)</c>.
/// </summary>
/// <typeparam name="TExample">What the model is trained on.</typeparam>
/// <remarks>
/// Immutable and thread-safe. What trains, rate, epochs, batch and regularisation are chosen; what else the tuner's recipe says stays. It keeps two copies of
/// the weights.
/// </remarks>
public sealed class AdaptiveTuner<TExample>
{
    private readonly FineTuner<TExample> _tuner;
    private readonly AdaptiveBudget _budget;

    internal AdaptiveTuner(FineTuner<TExample> tuner, AdaptiveBudget budget) => (_tuner, _budget) = (tuner, budget);

    /// <summary>Tunes the model in place and returns when all runs have ended; it computes on a thread of its own.</summary>
    /// <param name="data">Read once, before anything is measured; all of it, so it has an end.</param>
    /// <param name="cancellation">
    /// Ends a run with the best weights so far, and the call with it; before a run has begun, an <see cref="OperationCanceledException"/>, and the model is as
    /// it was.
    /// </param>
    /// <exception cref="InvalidOptionsException">Settings are out of range or contradict each other: all are listed, before data is read. Or the budget
    /// is too small for the data.</exception>
    /// <exception cref="TrainingDataException">A record makes the run worthless; it is named.</exception>
    /// <exception cref="DivergedException">No run got through, and in the first the loss or a gradient became NaN or infinite.</exception>
    public AdaptiveResult Train(IEnumerable<TExample> data, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(data);
        (TrainingRun run, Func<TakenRun, AdaptiveResult> tune) = Prepare(data);
        return run.Run(tune, cancellation);
    }

    /// <summary>Tunes the model in place on a thread of its own; fails as <see cref="Train"/> does.</summary>
    /// <param name="data">Read once, on the run's thread.</param>
    /// <param name="cancellation">Ends a run with the best weights so far, and the call with it.</param>
    /// <exception cref="InvalidOptionsException">Of settings, thrown at once, before any data is read.</exception>
    public Task<AdaptiveResult> TrainAsync(IEnumerable<TExample> data, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(data);
        (TrainingRun run, Func<TakenRun, AdaptiveResult> tune) = Prepare(data);
        return run.Start(tune, cancellation);
    }

    private (TrainingRun Run, Func<TakenRun, AdaptiveResult> Tune) Prepare(IEnumerable<TExample> data)
    {
        RequireValid();
        // All weights are taken: what trains is not known yet.
        TrainingRun run = _tuner.Run(_tuner.Options with { TimeLimit = _budget.Time }, data, validates: true);
        return (run, taken =>
        {
            try
            {
                using var adaptive = new AdaptiveRun(run.Model, taken, _tuner.Options, _budget, run.Observer);
                return adaptive.Run();
            }
            finally
            {
                if (_tuner.Options.FrozenStates is not { KeepAfterRun: true }) run.Model.Weights.Trunk?.FrozenStates.Dispose();
            }
        });
    }

    private void RequireValid()
    {
        var violations = new List<string>();
        TrainingOptions options = _tuner.Options;
        _budget.CollectViolations(violations);
        if (_tuner.Validation is null) violations.Add("runs are compared on validation data: add ValidateOn(...)");
        if (!options.Frozen.Equals(new WeightFilter()))
            violations.Add($"what trains is chosen here, and the tuner freezes {options.Frozen}: leave Freeze out");
        if (options.UnfreezeEvery is not null) violations.Add("what trains is chosen here: leave UnfreezeGradually out");
        if (options.Features.Any(feature => feature is AdapterTuning)) violations.Add("whether an adapter is tuned is chosen here: leave WithAdapter out");
        if (options.Steps is not null) violations.Add("how long runs are is chosen here: leave Steps out, or give Epochs for the tuner's own recipe");
        if (options.TimeLimit is not null) violations.Add("the time is the budget's (AdaptiveBudget.Time): leave TimeLimit out");
        if (!options.KeepBest) violations.Add("runs are compared by their best weights: leave KeepBest on");
        if (options.Features.Any(feature => feature is CheckpointSettings))
            violations.Add("measuring and several runs share no folder of checkpoints: leave CheckpointTo out, or train with the result's recipe");
        if (_tuner.Model is { SharedHead: not null } model)
        {
            if (model.Adapters.Active is { } active) violations.Add($"the adapter '{active}' is active: call WithoutAdapter, since what trains is chosen here");
            if (model.Adapters.Names.Contains(TuningDepth.AdapterName))
                violations.Add($"the model has an adapter '{TuningDepth.AdapterName}' of an earlier call: remove it (Adapters.Remove)");
        }
        try
        {
            options.Validate(_tuner.Validation is not null);
        }
        catch (InvalidOptionsException invalid)
        {
            violations.AddRange(invalid.Violations);
        }
        if (violations.Count > 0) throw new InvalidOptionsException(violations);
    }
}

/// <summary>The verb of adaptive tuning.</summary>
public static class AdaptiveVerb
{
    /// <summary>
    /// Measures first, within a tenth of the budget: linear probes by layer, usable information, label noise, learning rates, gradient noise. Then chooses what
    /// trains, how fast, how long and how regularised, revises that once, compares it with the tuner's own recipe where the budget has room, and says why.
    /// </summary>
    /// <typeparam name="TExample">What the model is trained on.</typeparam>
    /// <param name="tuner">Stays as it is; with validation data. Its recipe is what the chosen one is compared with.</param>
    /// <param name="budget">What all of it may cost.</param>
    public static AdaptiveTuner<TExample> Adaptive<TExample>(this FineTuner<TExample> tuner, AdaptiveBudget budget)
    {
        ArgumentNullException.ThrowIfNull(tuner);
        ArgumentNullException.ThrowIfNull(budget);
        return new(tuner, budget);
    }
}
