using System.Globalization;
using System.Text.Json.Nodes;
using FineTuning.Batching;
using FineTuning.Errors;
using FineTuning.Metrics;
using FineTuning.Models;
using FineTuning.Tasks;
using FineTuning.Training;

namespace FineTuning.Strategies;

/// <summary>Tries recipes one after another, each from the same weights, and leaves the model as the best one tunes it.</summary>
/// <remarks>On the thread of a run that has the weights for itself. The data is encoded once, and states of frozen layers are kept over all runs.</remarks>
internal sealed class SearchRun : IDisposable
{
    private readonly TunableModel _model;
    private readonly TakenRun _taken;
    private readonly SearchSettings _settings;
    private readonly IReadOnlyList<SearchCandidate> _candidates;
    private readonly IReadOnlyList<(RowSet Train, RowSet Validation)> _folds;
    private readonly Action<SearchTrial>? _told;
    private readonly string _metric;
    private readonly MetricDirection _direction;
    private readonly BestWeights _start;
    private readonly TrainableWeights _trained;
    // Of the best recipe's best seed, and of the best seed so far of the recipe that is measured.
    private BestWeights _best, _seeds;
    private (SearchTrial Trial, TrainingResult Result)? _kept;
    private bool _rehearsed;

    /// <param name="model">Tuned.</param>
    /// <param name="taken">All data.</param>
    /// <param name="settings">How the search goes.</param>
    /// <param name="candidates">The recipes.</param>
    /// <param name="folds">What is trained and evaluated on; one without cross-validation.</param>
    /// <param name="told">Told of every recipe that was measured. Null: no one is.</param>
    public SearchRun(TunableModel model, TakenRun taken, SearchSettings settings, IReadOnlyList<SearchCandidate> candidates,
        IReadOnlyList<(RowSet Train, RowSet Validation)> folds, Action<SearchTrial>? told)
    {
        (_model, _taken, _settings, _candidates, _folds, _told) = (model, taken, settings, candidates, folds, told);
        _metric = candidates[0].Options.Metric ?? model.PrimaryMetric;
        _direction = Evaluator.DryRun(model, folds[0].Validation, _metric);
        Weight[] all = [.. model.Weights.Where(weight => weight.CanTrain)];
        (_start, _best, _seeds) = (new(all), new(all), new(all));
        _start.Keep();
        _trained = new(model.Weights);
    }

    /// <exception cref="InvalidOptionsException">No recipe was measured, or all failed; the model is as it was.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled before a recipe was measured; the model is as it was.</exception>
    public SearchResult Run(SearchJournal journal)
    {
        bool isTuned = false;
        try
        {
            RequireWeights();
            (SearchTrial[] trials, bool isComplete) = Measure(journal);
            if (trials.Length == 0)
            {
                _taken.Stop.ThrowIfCancellationRequested();
                throw new InvalidOptionsException([$"the search's time ({_settings.TimeLimit}) was up before a recipe was measured: allow more"]);
            }
            if (double.IsNaN(trials[0].Mean)) throw new InvalidOptionsException([$"no recipe got through; the first: {trials[0].Problem}"]);
            TrainingResult run = Tune(trials[0]);
            isTuned = true;
            return new(trials, _metric, run, isComplete, _taken.Clock.Elapsed);
        }
        finally
        {
            if (!isTuned)
            {
                _start.Restore();
                _trained.Restore();
            }
        }
    }

    public void Dispose()
    {
        _start.Dispose();
        _best.Dispose();
        _seeds.Dispose();
    }

    /// <summary>What a search depends on, as a journal holds it.</summary>
    public static JsonObject Describe(TunableModel model, TakenRun taken, SearchSettings settings, IReadOnlyList<SearchCandidate> candidates) => new()
    {
        ["version"] = 1,
        ["dimensions"] = new JsonArray([.. settings.Dimensions.Select(dimension => (JsonNode)$"{dimension.Name}: {dimension.Values}")]),
        ["recipes"] = Hash(string.Join('\n', candidates.Select(candidate => candidate.Options.WithoutWatchers().ToJson()))),
        ["seeds"] = string.Join(", ", settings.Seeds),
        ["lengths"] = string.Join(", ", settings.Shares.Select(share => share.ToString("R", CultureInfo.InvariantCulture))),
        ["halving"] = settings.HalvingFactor,
        ["folds"] = settings.Folds == 0 ? "none" : $"{settings.Folds} by seed {settings.Seed}",
        ["training data"] = RowHash.Of(taken.Train),
        ["validation data"] = taken.Validation is null ? "none" : RowHash.Of(taken.Validation),
        ["weights"] = WeightHash.Of(model.Weights),
    };

    private static string Hash(string text) => Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(System.Text.Encoding.UTF8.GetBytes(text)));

    // A rule that means no weight, or leaves none to train, is found before an hour of other recipes.
    private void RequireWeights()
    {
        var violations = new List<string>();
        foreach (SearchCandidate candidate in _candidates)
        {
            try
            {
                _ = new FreezeState(_model.Weights, candidate.Options);
            }
            catch (InvalidOptionsException invalid)
            {
                violations.AddRange(invalid.Violations.Select(violation => $"recipe {candidate.Number}: {violation}"));
            }
        }
        if (violations.Count > 0) throw new InvalidOptionsException(violations);
    }

    // Those with the longest runs first, and of these the best.
    private (SearchTrial[] Trials, bool IsComplete) Measure(SearchJournal journal)
    {
        var measured = new Dictionary<int, SearchTrial>();
        IReadOnlyList<SearchCandidate> left = _candidates;
        IReadOnlyList<double> shares = _settings.Shares;
        bool isComplete = true;
        for (int rung = 0; rung < shares.Count && isComplete; rung++)
        {
            foreach (SearchCandidate candidate in left)
            {
                if (Measure(candidate, rung, journal) is not { } trial)
                {
                    isComplete = false;
                    break;
                }
                measured[candidate.Number] = trial;
                _told?.Invoke(trial);
            }
            HashSet<int> best = [.. Ranked(left.Where(candidate => measured.ContainsKey(candidate.Number)).Select(candidate => measured[candidate.Number]))
                .Take((left.Count + (_settings.HalvingFactor ?? 2) - 1) / (_settings.HalvingFactor ?? 2)).Select(trial => trial.Number)];
            left = [.. left.Where(candidate => best.Contains(candidate.Number))];
        }
        return ([.. measured.Values.GroupBy(trial => trial.Share).OrderByDescending(group => group.Key).SelectMany(Ranked)], isComplete);
    }

    private IEnumerable<SearchTrial> Ranked(IEnumerable<SearchTrial> trials) => trials
        .OrderBy(trial => double.IsNaN(trial.Mean))
        .ThenByDescending(trial => Signed(trial.Mean))
        .ThenBy(trial => trial.Number);

    // Null: the time was up, or the search was cancelled.
    private SearchTrial? Measure(SearchCandidate candidate, int rung, SearchJournal journal)
    {
        var entries = new List<SearchEntry>();
        IReadOnlyList<long> seeds = SeedsOf(candidate);
        (double Score, TrainingResult? Result, bool IsLast)? best = null;
        foreach (long seed in seeds)
        {
            for (int fold = 0; fold < _folds.Count; fold++)
            {
                SearchEntry? entry = journal.Find((candidate.Number, rung, seed, fold));
                TrainingResult? result = null;
                if (entry is null)
                {
                    if (_taken.Stop.IsCancellationRequested || _taken.Clock.IsUp() || Train(candidate, rung, seed, fold) is not { } made) return null;
                    (entry, result) = made;
                    journal.Add(entry);
                }
                entries.Add(entry);
                double score = Signed(entry.Score ?? double.NaN);
                // With folds no run is the result: the model learns from all data in the end.
                if (_folds.Count > 1 || score <= best?.Score) continue;
                best = (score, result, entries.Count == seeds.Count);
                if (result is not null && entries.Count < seeds.Count) _seeds.Keep();
            }
        }
        var trial = new SearchTrial(candidate, _settings.Shares[rung], entries);
        if (best is { Result: { } own } found) Keep(trial, own, found.IsLast);
        return trial;
    }

    // The higher the better.
    private double Signed(double score) => _direction == MetricDirection.Higher ? score : -score;

    private IReadOnlyList<long> SeedsOf(SearchCandidate candidate) => _settings.Seeds.Count > 0 ? _settings.Seeds : [candidate.Options.Seed];

    // Null: it was not brought to its end. Without a result it failed.
    private (SearchEntry Entry, TrainingResult? Result)? Train(SearchCandidate candidate, int rung, long seed, int fold)
    {
        TrainingOptions recipe = RecipeOf(candidate, _settings.Shares[rung], seed) with { TimeLimit = _settings.TimeLimit };
        TimeSpan before = _taken.Clock.Elapsed;
        var entry = new SearchEntry(candidate.Number, rung, seed, fold, null, 0);
        try
        {
            TrainingResult result = Loop(recipe, _folds[fold].Train, _folds[fold].Validation, _taken.Clock);
            if (result.StopReason is StopReason.TimeLimit or StopReason.Cancelled) return null;
            return (entry with { Score = result.Best!.Metrics[_metric], Seconds = (_taken.Clock.Elapsed - before).TotalSeconds }, result);
        }
        catch (Exception failure) when (failure is DivergedException or TrainingMemoryException)
        {
            return (entry with { Problem = failure.Message, Seconds = (_taken.Clock.Elapsed - before).TotalSeconds }, null);
        }
    }

    // Weights of the best trial, by its best seed: a search that is cancelled or out of time has them, and no run is made twice.
    private void Keep(SearchTrial trial, TrainingResult result, bool isPresent)
    {
        if (!double.IsFinite(trial.Mean)) return;
        if (_kept is { } kept && kept.Trial.Share == trial.Share && Signed(trial.Mean) <= Signed(kept.Trial.Mean)) return;
        if (isPresent) _best.Keep();
        else (_best, _seeds) = (_seeds, _best);
        _kept = (trial, result);
    }

    private TrainingResult Tune(SearchTrial trial)
    {
        SearchCandidate candidate = _candidates[trial.Number - 1];
        if (_kept is { } kept && ReferenceEquals(kept.Trial, trial))
        {
            _best.Restore();
            _model.Calibrate(kept.Result.Metrics!);
            return kept.Result;
        }
        IReadOnlyList<long> seeds = SeedsOf(candidate);
        double[] means = [.. trial.Scores.Chunk(_folds.Count).Select(scores => Signed(scores.Average()))];
        TrainingOptions recipe = RecipeOf(candidate, trial.Share, seeds[Array.IndexOf(means, means.Max())]) with { TimeLimit = null };
        // By cross-validation a recipe was found; the model learns from all data.
        return _folds.Count > 1 ? Loop(recipe with { EarlyStopping = null }, _taken.Train, null, null)
            : Loop(recipe, _folds[0].Train, _folds[0].Validation, null);
    }

    private TrainingResult Loop(TrainingOptions recipe, RowSet train, RowSet? validation, RunClock? clock)
    {
        _start.Restore();
        var loop = new TrainingLoop(_model, train, validation, recipe, new RunObserver(), _taken.Stop, clock) { Rehearsed = _rehearsed ? _direction : null };
        _rehearsed = true;
        return loop.Run();
    }

    private static TrainingOptions RecipeOf(SearchCandidate candidate, double share, long seed)
    {
        TrainingOptions options = candidate.Options.WithoutWatchers();
        return options with
        {
            Seed = seed,
            Steps = options.Steps is { } steps ? Math.Max(1, (long)Math.Round(steps * share)) : null,
            Epochs = options.Steps is null ? Math.Max(1, (int)Math.Round((options.Epochs ?? 3) * share)) : null,
            FrozenStates = candidate.Options.FrozenStates is { } kept ? kept with { KeepAfterRun = true } : null,
        };
    }
}
