using FineTuning.Batching;
using FineTuning.Errors;
using FineTuning.Models;
using FineTuning.Strategies;
using FineTuning.Tasks;
using FineTuning.Training;

namespace FineTuning;

/// <summary>
/// Tries recipes and leaves the model as the best one tunes it:
/// <c>FineTuner.Search(FineTuner.For(model).ValidateOn(dev)).Over("rate", SearchInterval.LogUniform(1e-5, 1e-3), (o, rate) => ...).Trials(20).Train(data)</c>.
/// </summary>
/// <typeparam name="TExample">What the model is trained on.</typeparam>
/// <remarks>
/// Immutable and thread-safe; each verb returns another search. Every run begins with the weights that the model has. What is tried, and in which order, is a
/// function of the settings; the data is encoded once, and states of layers that do not train are kept over all runs.
/// </remarks>
public sealed class RecipeSearch<TExample>
{
    private readonly FineTuner<TExample> _tuner;
    private readonly SearchSettings _settings;
    private readonly Func<TExample, object?>? _stratum, _group;
    private readonly Action<SearchTrial>? _told;

    internal RecipeSearch(FineTuner<TExample> tuner)
        : this(tuner, new SearchSettings(), null, null, null)
    {
    }

    private RecipeSearch(
        FineTuner<TExample> tuner, SearchSettings settings, Func<TExample, object?>? stratum, Func<TExample, object?>? group, Action<SearchTrial>? told) =>
        (_tuner, _settings, _stratum, _group, _told) = (tuner, settings, stratum, group, told);

    /// <summary>Varies something over listed values.</summary>
    /// <typeparam name="TValue">Any; as text it names the value in the table.</typeparam>
    /// <param name="name">Names it in the table.</param>
    /// <param name="values">At least one; different as text.</param>
    /// <param name="change">The recipe with a value, for example <c>(o, rows) => o with { BatchSize = rows }</c>.</param>
    public RecipeSearch<TExample> Over<TValue>(string name, IReadOnlyList<TValue> values, Func<TrainingOptions, TValue, TrainingOptions> change)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(name);
        ArgumentNullException.ThrowIfNull(values);
        ArgumentNullException.ThrowIfNull(change);
        if (values.Count > 0) Require(change(_tuner.Options, values[0]), nameof(change));
        return With(_settings with { Dimensions = [.. _settings.Dimensions, new ListedValues<TValue>(name, [.. values], change)] });
    }

    /// <summary>Varies a number over an interval; <see cref="Trials"/> says how many are drawn.</summary>
    /// <param name="name">Names it in the table.</param>
    /// <param name="interval">For example <c>SearchInterval.LogUniform(1e-5, 1e-3)</c>.</param>
    /// <param name="change">The recipe with a number.</param>
    public RecipeSearch<TExample> Over(string name, SearchInterval interval, Func<TrainingOptions, double, TrainingOptions> change)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(name);
        ArgumentNullException.ThrowIfNull(interval);
        ArgumentNullException.ThrowIfNull(change);
        Require(change(_tuner.Options, interval.Lowest), nameof(change));
        return With(_settings with { Dimensions = [.. _settings.Dimensions, new DrawnNumbers(name, interval, change)] });
    }

    /// <summary>How many recipes are tried; without it, all combinations of listed values.</summary>
    /// <param name="count">From 1 to 10,000.</param>
    /// <param name="seed">Of what is drawn, and of folds. Default 42.</param>
    public RecipeSearch<TExample> Trials(int count, long seed = 42) => With(_settings with { Trials = count, Seed = seed });

    /// <summary>Runs each recipe with each of these seeds and compares means.</summary>
    /// <param name="seeds">Different ones.</param>
    public RecipeSearch<TExample> Seeds(params long[] seeds)
    {
        ArgumentNullException.ThrowIfNull(seeds);
        return With(_settings with { Seeds = [.. seeds] });
    }

    /// <summary>
    /// Runs all recipes for a short time, the better ones longer, and the best at full length (successive halving, Jamieson and Talwalkar 2016). A longer run
    /// begins anew, so that its schedule is that of its length.
    /// </summary>
    /// <param name="factor">One in so many goes on, and each length is so many times the one before; from 2 to 100. Default 3.</param>
    /// <param name="lengths">How many lengths there are, from 1 to 20. Default 3: a ninth, a third, the whole.</param>
    public RecipeSearch<TExample> Halving(int factor = 3, int lengths = 3) => With(_settings with { HalvingFactor = factor, Rungs = lengths });

    /// <summary>
    /// Cross-validation in place of validation data: the examples are cut into parts, each recipe is trained on all but one and evaluated on that, in turn. In
    /// the end the model learns from all data by the best recipe.
    /// </summary>
    /// <param name="count">Parts, from 2 to 1000.</param>
    /// <param name="stratify">What is spread evenly over the parts, for example <c>e => e.Label</c>. Null: nothing.</param>
    /// <param name="group">What keeps examples in one part, for example <c>e => author</c>. Null: nothing.</param>
    public RecipeSearch<TExample> Folds(int count, Func<TExample, object?>? stratify = null, Func<TExample, object?>? group = null) =>
        new(_tuner, _settings with { Folds = count }, stratify, group, _told);

    /// <summary>After this time no run begins any more, and one that goes on is given up; the best so far is the result.</summary>
    /// <param name="limit">Above 0.</param>
    public RecipeSearch<TExample> TimeLimit(TimeSpan limit) => With(_settings with { TimeLimit = limit });

    /// <summary>Writes every run into a file of JSON lines; the same search goes on from it.</summary>
    /// <param name="path">The file; its folder must exist.</param>
    public RecipeSearch<TExample> Journal(string path)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(path);
        return With(_settings with { Journal = path });
    }

    /// <summary>Told of every recipe that was measured, on the search's thread. What it throws ends the search.</summary>
    /// <param name="handler">Added to those there are.</param>
    public RecipeSearch<TExample> OnTrial(Action<SearchTrial> handler)
    {
        ArgumentNullException.ThrowIfNull(handler);
        return new(_tuner, _settings, _stratum, _group, _told + handler);
    }

    /// <summary>Tries the recipes, on a thread of its own, and leaves the model as the best one tunes it.</summary>
    /// <param name="data">Read once.</param>
    /// <param name="cancellation">
    /// Ends the search with the best so far; before a recipe was measured, an <see cref="OperationCanceledException"/>. With folds, or where the best recipe is
    /// known from the journal, that recipe is trained at the end, which is cancelled too: <see cref="SearchResult.Run"/> says so.
    /// </param>
    /// <exception cref="InvalidOptionsException">Settings of the search or of a recipe are wrong: all are listed, before any data is read.
    /// Or no recipe got through.</exception>
    /// <exception cref="TrainingDataException">A record makes the runs worthless; it is named.</exception>
    public SearchResult Train(IEnumerable<TExample> data, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(data);
        IReadOnlyList<SearchCandidate> candidates = Candidates();
        var examples = new List<TExample>();
        TunableModel model = _tuner.Model;
        // All weights are taken: recipes may train different ones.
        TrainingOptions whole = _tuner.Options.WithoutWatchers() with { Steps = null, Frozen = new WeightFilter(), TimeLimit = _settings.TimeLimit };
        return _tuner.Run(whole, _settings.Folds > 0 ? Noted(data, examples) : data, validates: true).Run(taken =>
        {
            using var journal = new SearchJournal(_settings.Journal, SearchRun.Describe(model, taken, _settings, candidates));
            using var run = new SearchRun(model, taken, _settings, candidates, FoldsOf(taken, examples), _told);
            try
            {
                return run.Run(journal);
            }
            finally
            {
                if (_tuner.Options.FrozenStates is not { KeepAfterRun: true }) model.Weights.Trunk?.FrozenStates.Dispose();
            }
        }, cancellation);
    }

    private RecipeSearch<TExample> With(SearchSettings settings) => new(_tuner, settings, _stratum, _group, _told);

    private IReadOnlyList<SearchCandidate> Candidates()
    {
        var violations = new List<string>();
        _settings.CollectViolations(violations, _tuner.Validation is not null);
        if (violations.Count > 0) throw new InvalidOptionsException(violations);
        if (_settings.Folds > 0 && _tuner.Model.Writes)
            violations.Add("the model is measured by texts that it writes, which cross-validation does not: add ValidateOn(...) in place of Folds(...)");
        IReadOnlyList<SearchCandidate> candidates =
            SearchPlan.Of(_tuner.Options, _settings.Dimensions, SearchPlan.Count(_settings.Dimensions, _settings.Trials)!.Value, _settings.Seed);
        foreach (SearchCandidate candidate in candidates)
        {
            TrainingOptions options = candidate.Options;
            string name = $"recipe {candidate.Number} ({string.Join(", ", candidate.Values.Select(pair => $"{pair.Key} {pair.Value}"))})";
            if (options.Metric != _tuner.Options.Metric) violations.Add($"{name} has another metric ({options.Metric}): recipes are compared by one");
            if (options.TimeLimit is not null) violations.Add($"{name} has a TimeLimit, with which no two runs are alike: set the search's");
            if (!options.Features.OfType<AdapterTuning>().SequenceEqual(_tuner.Options.Features.OfType<AdapterTuning>()))
                violations.Add($"{name} has another adapter than the tuner: a search goes on with one");
            try
            {
                options.Validate(hasValidation: true);
            }
            catch (InvalidOptionsException invalid)
            {
                violations.AddRange(invalid.Violations.Select(violation => $"{name}: {violation}"));
            }
        }
        return violations.Count > 0 ? throw new InvalidOptionsException(violations) : candidates;
    }

    private IReadOnlyList<(RowSet, RowSet)> FoldsOf(TakenRun taken, List<TExample> examples)
    {
        if (_settings.Folds == 0)
        {
            return [(taken.Train, taken.Validation
                ?? throw new InvalidOptionsException([$"the search's time ({_settings.TimeLimit}) was up before the validation data was read: allow more"]))];
        }
        Func<int, object?>? Of(Func<TExample, object?>? key) => key is null ? null : i => key(examples[i]);
        int[] parts = SearchFolds.Of(examples.Count, _settings.Folds, Of(_stratum), Of(_group), _settings.Seed);
        // Rows of one example, windows for example, stay together.
        ILookup<int, int> rows = Enumerable.Range(0, taken.Train.Rows.Count).ToLookup(row => parts[taken.Train.Rows[row].Index]);
        if (Enumerable.Range(0, _settings.Folds).Any(fold => !rows[fold].Any()))
            throw new TrainingDataException($"the {examples.Count} examples do not fill {_settings.Folds} folds: take fewer, or groups that are smaller");
        return [.. Enumerable.Range(0, _settings.Folds).Select(fold =>
            (taken.Train.Part([.. rows.Where(group => group.Key != fold).SelectMany(group => group).Order()]), taken.Train.Part([.. rows[fold]])))];
    }

    private static void Require(TrainingOptions? given, string argument)
    {
        if (given is null) throw new ArgumentException("it gave null; give options, for example the ones it got", argument);
    }

    private static IEnumerable<TExample> Noted(IEnumerable<TExample> data, List<TExample> examples)
    {
        foreach (TExample example in data)
        {
            examples.Add(example);
            yield return example;
        }
    }
}
