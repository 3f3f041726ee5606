using FineTuning.Errors;
using FineTuning.Strategies;
using FineTuning.Training;

namespace FineTuning;

/// <summary>
/// Tunes a model on a small part of its data first and then on growing ones, and forecasts what more would bring:
/// <c>FineTuner.For(model).ValidateOn(dev).Incrementally().Train(data)</c>.
/// </summary>
/// <typeparam name="TExample">What the model is trained on.</typeparam>
/// <remarks>Immutable and thread-safe; each verb returns another tuner. It keeps a copy of the weights, a second one for some ways to begin a stage.</remarks>
public sealed class IncrementalTuner<TExample>
{
    private readonly FineTuner<TExample> _tuner;
    private readonly IncrementalOptions _options;
    private readonly Func<TExample, string?>? _stratum;
    private readonly IEnumerable<TExample>? _old;
    private readonly double _replay;

    internal IncrementalTuner(FineTuner<TExample> tuner, IncrementalOptions options)
        : this(tuner, options, null, null, 0)
    {
    }

    private IncrementalTuner(
        FineTuner<TExample> tuner, IncrementalOptions options, Func<TExample, string?>? stratum, IEnumerable<TExample>? old, double replay) =>
        (_tuner, _options, _stratum, _old, _replay) = (tuner, options, stratum, old, replay);

    /// <summary>By what parts are stratified, so that each holds all kinds as the whole does. Without it: by label, where examples have one.</summary>
    /// <param name="stratum">The kind of an example.</param>
    public IncrementalTuner<TExample> StratifiedBy(Func<TExample, string?> stratum)
    {
        ArgumentNullException.ThrowIfNull(stratum);
        return new(_tuner, _options, stratum, _old, _replay);
    }

    /// <summary>Goes on with new data on a model that was saved: each stage also has rows of what the model has learned from before.</summary>
    /// <param name="old">Read once.</param>
    /// <param name="share">The share of the rows of a stage that are old ones, above 0 and at most 0.9; at most all there are. Default 0.2.</param>
    public IncrementalTuner<TExample> WithReplay(IEnumerable<TExample> old, double share = 0.2)
    {
        ArgumentNullException.ThrowIfNull(old);
        return new(_tuner, _options, _stratum, old, share);
    }

    /// <summary>Tunes the model in place, stage by stage, and returns when all have ended; it computes on a thread of its own.</summary>
    /// <param name="data">Read once, before the first step; all of it, so it has an end.</param>
    /// <param name="cancellation">Ends the stage with the best weights so far, and the stages with it; while examples are still being encoded,
    /// an <see cref="OperationCanceledException"/>.</param>
    /// <exception cref="InvalidOptionsException">Settings are out of range or contradict each other, or a stage is larger than the data: all are
    /// listed.</exception>
    /// <exception cref="TrainingDataException">A record makes the run worthless; it is named.</exception>
    /// <exception cref="DivergedException">The loss or a gradient became NaN or infinite; the step and the records are named.</exception>
    public IncrementalResult Train(IEnumerable<TExample> data, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(data);
        return Run().Train(data, cancellation);
    }

    /// <summary>Tunes the model in place on a thread of its own; fails as <see cref="Train"/> does.</summary>
    /// <param name="data">Read once, on the run's thread.</param>
    /// <param name="cancellation">Ends the stage with the best weights so far, and the stages with it.</param>
    /// <exception cref="InvalidOptionsException">Of settings, thrown at once, before any data is read.</exception>
    public Task<IncrementalResult> TrainAsync(IEnumerable<TExample> data, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(data);
        return Run().TrainAsync(data, cancellation);
    }

    private IncrementalRun<TExample> Run()
    {
        var violations = new List<string>();
        _options.CollectViolations(violations);
        if (_tuner.Validation is null) violations.Add("stages are compared on validation data: add ValidateOn(...)");
        if (_old is not null && _replay is not (> 0 and <= 0.9)) violations.Add($"the share of old rows is {_replay}: it is above 0 and at most 0.9");
        if (_tuner.Options.Features.Any(feature => feature is CheckpointSettings))
            violations.Add("stages are runs of their own, which share no folder of checkpoints: leave CheckpointTo out");
        try
        {
            _tuner.Options.Validate(_tuner.Validation is not null);
        }
        catch (InvalidOptionsException invalid)
        {
            violations.AddRange(invalid.Violations);
        }
        if (violations.Count > 0) throw new InvalidOptionsException(violations);
        AugmentedModel<TExample>.Of(_tuner.Model, _tuner.Options);
        return new(_tuner.Model, _tuner.Options, _tuner.Observer, _tuner.Validation, _options, _stratum, _old, _old is null ? 0 : _replay);
    }
}

/// <summary>The verb of growing data.</summary>
public static class IncrementalVerb
{
    /// <summary>
    /// Tunes on a small part of the data first, then on growing ones, with the same validation data: nested parts, stratified by label, four times as large
    /// each.
    /// After every stage it is forecast what more data would bring, overall and by label; stages end when the next is not predicted to pay.
    /// </summary>
    /// <typeparam name="TExample">What the model is trained on.</typeparam>
    /// <param name="tuner">Stays as it is; with validation data.</param>
    /// <param name="options">Sizes, how a stage begins, prices. Null: the defaults.</param>
    public static IncrementalTuner<TExample> Incrementally<TExample>(this FineTuner<TExample> tuner, IncrementalOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(tuner);
        options ??= new IncrementalOptions();
        new NullMembers().Entries(options.Earlier, nameof(options.Earlier)).Require(nameof(options));
        return new(tuner, options);
    }
}
