using FineTuning.Errors;
using FineTuning.Examples;
using FineTuning.Heads;
using FineTuning.Metrics;
using FineTuning.Strategies;
using FineTuning.Training;

namespace FineTuning;

/// <summary>Trains several classifiers that answer together: they differ by their seeds, or by which part of the data each has not seen.</summary>
public static class Ensemble
{
    private const int MostMembers = 1000;

    /// <summary>Classifiers over all data that differ by their seeds: fresh heads, order and dropout.</summary>
    /// <typeparam name="TLabel">An enum, string, bool or integer.</typeparam>
    /// <param name="make">Loads a classifier, whose fresh weights are drawn by the seed that it is given.</param>
    /// <param name="recipe">For example <c>tuner => tuner.Epochs(3)</c>; seed and validation data are set for it.</param>
    /// <param name="data">Read once.</param>
    /// <param name="validation">What each and all are measured on; read once.</param>
    /// <param name="members">How many, from 2. Default 3.</param>
    /// <param name="firstSeed">The first seed; the others follow it. Default 1.</param>
    /// <param name="cancellation">Ends the run of a member with its best weights, and what comes after it.</param>
    /// <exception cref="InvalidOptionsException">There are fewer than two members, or the recipe is out of range.</exception>
    /// <exception cref="OperationCanceledException">The token was cancelled.</exception>
    public static EnsembleResult<TLabel> OverSeeds<TLabel>(Func<long, TextClassifier<TLabel>> make,
        Func<FineTuner<LabeledText<TLabel>>, FineTuner<LabeledText<TLabel>>> recipe, IEnumerable<LabeledText<TLabel>> data,
        IEnumerable<LabeledText<TLabel>> validation, int members = 3, long firstSeed = 1, CancellationToken cancellation = default)
        where TLabel : notnull
    {
        ArgumentNullException.ThrowIfNull(make);
        ArgumentNullException.ThrowIfNull(recipe);
        ArgumentNullException.ThrowIfNull(data);
        ArgumentNullException.ThrowIfNull(validation);
        if (members is not (>= 2 and <= MostMembers))
            throw new InvalidOptionsException([$"an ensemble over seeds has {members} members: it is from 2 to {MostMembers}"]);
        (LabeledText<TLabel>[] train, LabeledText<TLabel>[] measured) = ([.. data], [.. validation]);
        (List<TextClassifier<TLabel>> models, List<TrainingResult> runs) =
            Train(make, recipe, [.. Enumerable.Range(0, members).Select(i => (firstSeed + i, train, measured))], cancellation);
        var model = new EnsembleClassifier<TLabel>(models);
        try
        {
            IReadOnlyList<Classification<TLabel>>[] answers = [.. models.Select(member => Answers(member, measured, cancellation))];
            Classification<TLabel>[] means = [.. measured.Select((_, i) => EnsembleClassifier<TLabel>.Mean([.. answers.Select(own => own[i])]))];
            return new(model, runs, Measure(models[0], measured, means));
        }
        catch
        {
            model.Dispose();
            throw;
        }
    }

    /// <summary>Classifiers of which each has not seen a part of the data, on which it is measured: parts are stratified by label.</summary>
    /// <typeparam name="TLabel">An enum, string, bool or integer.</typeparam>
    /// <param name="make">Loads a classifier, whose fresh weights are drawn by the seed that it is given.</param>
    /// <param name="recipe">For example <c>tuner => tuner.Epochs(3)</c>; seed and validation data are set for it.</param>
    /// <param name="data">Read once.</param>
    /// <param name="folds">How many parts and members, from 2; at most as many as there are rows. Default 5.</param>
    /// <param name="seed">Of parts and members. Default 42.</param>
    /// <param name="cancellation">Ends the run of a member with its best weights, and what comes after it.</param>
    /// <exception cref="InvalidOptionsException">There are fewer than two folds or more than rows, or the recipe is out of range.</exception>
    /// <exception cref="OperationCanceledException">The token was cancelled.</exception>
    public static EnsembleResult<TLabel> OverFolds<TLabel>(Func<long, TextClassifier<TLabel>> make,
        Func<FineTuner<LabeledText<TLabel>>, FineTuner<LabeledText<TLabel>>> recipe, IEnumerable<LabeledText<TLabel>> data, int folds = 5, long seed = 42,
        CancellationToken cancellation = default)
        where TLabel : notnull
    {
        ArgumentNullException.ThrowIfNull(make);
        ArgumentNullException.ThrowIfNull(recipe);
        ArgumentNullException.ThrowIfNull(data);
        LabeledText<TLabel>[] all = [.. data];
        NullMembers.RequireEntries(all, nameof(data));
        if (folds < 2 || folds > Math.Min(all.Length, MostMembers))
            throw new InvalidOptionsException([$"there are {folds} folds over {all.Length} rows: it is 2 or more, and at most one for each row"]);
        int[] fold = SearchFolds.Of(all.Length, folds, i => ((IStratifiedExample)all[i]).Stratum, null, seed);
        LabeledText<TLabel>[] Part(int number, bool isHeld) => [.. all.Where((_, i) => fold[i] == number == isHeld)];
        (List<TextClassifier<TLabel>> models, List<TrainingResult> runs) =
            Train(make, recipe, [.. Enumerable.Range(0, folds).Select(number => (seed + number, Part(number, false), Part(number, true)))], cancellation);
        var model = new EnsembleClassifier<TLabel>(models);
        try
        {
            LabeledText<TLabel>[] held = [.. Enumerable.Range(0, folds).SelectMany(number => Part(number, true))];
            Classification<TLabel>[] unseen = [.. Enumerable.Range(0, folds).SelectMany(number => Answers(models[number], Part(number, true), cancellation))];
            return new(model, runs, Measure(models[0], held, unseen));
        }
        catch
        {
            model.Dispose();
            throw;
        }
    }

    private static (List<TextClassifier<TLabel>> Models, List<TrainingResult> Runs) Train<TLabel>(Func<long, TextClassifier<TLabel>> make,
        Func<FineTuner<LabeledText<TLabel>>, FineTuner<LabeledText<TLabel>>> recipe,
        IReadOnlyList<(long Seed, LabeledText<TLabel>[] Train, LabeledText<TLabel>[] Measured)> parts, CancellationToken cancellation)
        where TLabel : notnull
    {
        var models = new List<TextClassifier<TLabel>>();
        var runs = new List<TrainingResult>();
        try
        {
            foreach ((long seed, LabeledText<TLabel>[] train, LabeledText<TLabel>[] measured) in parts)
            {
                models.Add(make(seed) ?? throw new ArgumentException("it gave null; give a classifier of its own for each seed", nameof(make)));
                if (models.Take(models.Count - 1).Contains(models[^1]))
                    throw new ArgumentException("it gave one classifier twice; load another for each seed", nameof(make));
                FineTuner<LabeledText<TLabel>> tuner = recipe(FineTuner.For(models[^1]))
                    ?? throw new ArgumentException("it gave null; give a tuner", nameof(recipe));
                runs.Add(tuner.Seed(seed).ValidateOn(measured).Train(train, cancellation));
                cancellation.ThrowIfCancellationRequested();
            }
            return (models, runs);
        }
        catch
        {
            foreach (TextClassifier<TLabel> model in models) model.Dispose();
            throw;
        }
    }

    private static IReadOnlyList<Classification<TLabel>> Answers<TLabel>(
        TextClassifier<TLabel> model, LabeledText<TLabel>[] rows, CancellationToken cancellation)
        where TLabel : notnull => model.PredictBatch([.. rows.Select(row => (row.Text, row.Pair))], cancellation);

    private static MetricReport Measure<TLabel>(TextClassifier<TLabel> model, LabeledText<TLabel>[] rows, IReadOnlyList<Classification<TLabel>> answers)
        where TLabel : notnull
    {
        var accumulator = new ClassificationAccumulator(model.LabelSet.Names);
        double loss = 0;
        for (int i = 0; i < rows.Length; i++)
        {
            int label = model.LabelSet.IndexOf(rows[i].Label);
            float[] probabilities = [.. model.LabelSet.Labels.Select(own =>
                (float)answers[i].Scores.First(score => EqualityComparer<TLabel>.Default.Equals(score.Label, own)).Score)];
            accumulator.Add(label, probabilities);
            loss -= Math.Log(Math.Max(1e-12, probabilities[label]));
        }
        return accumulator.Report(loss / rows.Length);
    }
}
