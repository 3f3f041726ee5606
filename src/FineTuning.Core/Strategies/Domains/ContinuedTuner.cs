using FineTuning.Batching;
using FineTuning.Errors;
using FineTuning.Strategies;
using FineTuning.Tasks;
using FineTuning.Training;

namespace FineTuning;

/// <summary>
/// Tunes a model that has learned something before, and says what that cost:
/// <c>FineTuner.For(model).ValidateOn(dev).Keeping("old", model, oldTest).Train(data)</c>.
/// </summary>
/// <typeparam name="TExample">What the model is trained on.</typeparam>
/// <remarks>
/// Immutable and thread-safe; each verb returns another tuner. Besides what a run needs, it needs memory for two copies of the weights. Where an adapter is
/// trained, old is what the model is with the adapter as it begins, new what it is with the adapter as it ends, and all protections hold the adapter.
/// </remarks>
public sealed class ContinuedTuner<TExample>
{
    private readonly FineTuner<TExample> _tuner;
    private readonly IReadOnlyList<KeptTask> _kept;
    private readonly ContinuedTraining _protection;
    private readonly bool _moves;

    internal ContinuedTuner(FineTuner<TExample> tuner, IReadOnlyList<KeptTask> kept)
        : this(tuner, kept, new ContinuedTraining(), false)
    {
    }

    private ContinuedTuner(FineTuner<TExample> tuner, IReadOnlyList<KeptTask> kept, ContinuedTraining protection, bool moves) =>
        (_tuner, _kept, _protection, _moves) = (tuner, kept, protection, moves);

    /// <summary>Names another old task.</summary>
    /// <typeparam name="TKept">What its model is trained on; inferred.</typeparam>
    /// <param name="name">Names it in messages and in the result.</param>
    /// <param name="model">The model that is tuned, or another head on its trunk.</param>
    /// <param name="examples">What it is measured on before and after the run, and along the line between; read once.</param>
    /// <param name="learned">Some or all of what it has learned from, for protections that need it; read once. Null: there is none.</param>
    public ContinuedTuner<TExample> Keeping<TKept>(string name, TunableModel<TKept> model, IEnumerable<TKept> examples, IEnumerable<TKept>? learned = null)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(name);
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(examples);
        return new(_tuner, [.. _kept, new KeptTask<TKept>(name, model, examples, learned)], _protection, _moves);
    }

    /// <summary>Batches of the old tasks' data between the new ones.</summary>
    /// <param name="share">The share of all batches that are old ones, above 0 and at most 0.9. Default 0.1.</param>
    public ContinuedTuner<TExample> WithReplay(double share = 0.1) => With(_protection with { Replay = share });

    /// <summary>
    /// Holds each weight where it was, as hard as the old tasks need it: lambda / 2 sum F (w - w0)^2 beside the mean loss (elastic weight consolidation,
    /// Kirkpatrick et al. 2017, equation 3), F from the squared gradients of single old examples. The loss that is reported is without it.
    /// </summary>
    /// <param name="strength">Lambda, above 0. Default 1,000.</param>
    /// <param name="examples">Of each old task, how many examples F is measured on: a pass forward and back for each. Default 200.</param>
    public ContinuedTuner<TExample> WithElasticWeights(double strength = 1000, int examples = 200) =>
        With(_protection with { Strength = strength, FisherExamples = examples });

    /// <summary>
    /// Lets the model also learn the answers that it gave before the run: (1 - a) L + a T^2 KL (Hinton, Vinyals and Dean 2015; Li and Hoiem 2016), on the new
    /// data where the model itself is an old task, and on replayed data. For heads that choose among labels, whose answers are kept, and for language
    /// models, which are computed with the old weights too in each step: a copy of what trains, and about the time of one more pass forward.
    /// </summary>
    /// <param name="share">a, above 0 and at most 1. Default 0.5.</param>
    /// <param name="temperature">T, from 0.1 to 100. Default 2.</param>
    public ContinuedTuner<TExample> WithDistillation(double share = 0.5, double temperature = 2) =>
        With(_protection with { Distilled = share, Temperature = temperature });

    /// <summary>
    /// Gives the model the recommended weights of the line between old and new (WiSE-FT, Wortsman et al. 2022), at no further training: of those that keep
    /// 95 % of the gain on the validation data, those at which the old tasks lost least. A new head stays as it was tuned.
    /// </summary>
    public ContinuedTuner<TExample> AtRecommendedPoint() => new(_tuner, _kept, _protection, true);

    /// <summary>Tunes the model in place, measures old and new tasks, and returns when all has ended; it computes on its own thread.</summary>
    /// <param name="data">The new task's, read once.</param>
    /// <param name="cancellation">Ends the run with the best weights so far; while examples are still being encoded,
    /// an <see cref="OperationCanceledException"/>.</param>
    /// <exception cref="InvalidOptionsException">Tasks or settings are wrong, or a protection lacks its data: all is listed,
    /// before any data is read.</exception>
    /// <exception cref="TrainingDataException">A record makes the run worthless; it is named.</exception>
    /// <exception cref="DivergedException">The loss or a gradient became NaN or infinite; the step and the records are named.</exception>
    public ContinuedResult Train(IEnumerable<TExample> data, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(data);
        return Run(data).Train(cancellation);
    }

    /// <summary>Tunes the model in place on a thread of its own; fails as <see cref="Train"/> does.</summary>
    /// <param name="data">The new task's, read once, on the run's thread.</param>
    /// <param name="cancellation">Ends the run with the best weights so far.</param>
    /// <exception cref="InvalidOptionsException">Thrown at once, before any data is read.</exception>
    public Task<ContinuedResult> TrainAsync(IEnumerable<TExample> data, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(data);
        return Run(data).TrainAsync(cancellation);
    }

    private ContinuedTuner<TExample> With(ContinuedTraining protection) => new(_tuner, _kept, protection, _moves);

    private ContinuedRun Run(IEnumerable<TExample> data)
    {
        TunableModel<TExample> model = _tuner.Model;
        model.Weights.ThrowIfClosed();
        TrainingOptions recipe = _protection.Protects ? _tuner.Options.With(_protection) : _tuner.Options;
        var violations = new List<string>();
        if (_tuner.Validation is null) violations.Add("what is gained is measured on validation data: add ValidateOn(...)");
        violations.AddRange(_kept.GroupBy(task => task.Name, StringComparer.Ordinal).Where(group => group.Count() > 1)
            .Select(group => $"{group.Count()} kept tasks are named '{group.Key}': names differ"));
        foreach (KeptTask task in _kept) CollectViolations(task, model, violations);
        if (_kept.Any(task => task.Name is "new")) violations.Add("a kept task is named 'new', which is what is learned now: give it another name");
        bool IsTaught(KeptTask task) => (task.Model.GivesScores || task.Model.Words is not null)
            && (_protection.Replays || ReferenceEquals(task.Model.Weights, model.Weights));
        if (_protection.Distilled > 0 && !_kept.Any(IsTaught))
        {
            violations.Add("nothing can be distilled: it takes a head that chooses among labels or predicts words, "
                + "and that is the tuned model itself, or is replayed");
        }
        // What is out of range is said also where nothing would come of it.
        if (!_protection.Protects) _protection.CollectViolations(violations, hasValidation: true);
        try
        {
            recipe.Validate(_tuner.Validation is not null);
        }
        catch (InvalidOptionsException invalid)
        {
            violations.AddRange(invalid.Violations);
        }
        if (violations.Count > 0) throw new InvalidOptionsException(violations);
        TunableModel<TExample> shown = AugmentedModel<TExample>.Of(model, recipe);
        return new(shown, _kept, _protection, recipe, _tuner.Observer,
            read => (read.Train(shown, data, mostRows: recipe.RowsOfAllSteps), read.Validate(model, _tuner.Validation)), _moves);
    }

    private void CollectViolations(KeptTask task, TunableModel model, List<string> violations)
    {
        task.Model.Weights.ThrowIfClosed();
        bool isOwn = ReferenceEquals(task.Model.Weights, model.Weights);
        if (!isOwn && (model.SharedTrunk is null || task.Model.SharedTrunk != model.SharedTrunk))
            violations.Add($"the model of the kept task '{task.Name}' is neither the tuned one nor a head on its trunk: the run cannot make it forget");
        if (task.Model.ActiveAdapter is not null && !isOwn)
            violations.Add($"the model of the kept task '{task.Name}' has an active adapter: take it off (WithoutAdapter)");
        if (_protection.NeedsLearned && !task.HasLearned)
            violations.Add($"replay and elastic weights need data that '{task.Name}' has learned from: give it to Keeping(...) as learned");
    }
}
