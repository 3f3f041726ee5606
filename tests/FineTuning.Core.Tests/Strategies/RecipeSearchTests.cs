using FineTuning.Errors;
using FineTuning.Strategies;
using FineTuning.Tests.Training;
using FineTuning.Training;
using Xunit;

namespace FineTuning.Tests.Strategies;

/// <summary>A search tries what it says, the same each time, goes on where it was interrupted, and leaves the model as the best recipe tunes it.</summary>
public sealed class RecipeSearchTests
{
    private static readonly double[] Rates = [1e-6, 3e-3, 3e-2];
    private static readonly int[] Sizes = [2, 5];

    private static FineTuner<IdsWithLabel> Tuner(RowsClassifier model) => FineTuner.For(model).Freeze(l => l.Trunk()).Epochs(4).ValidateOn(TinyRun.Data(16, 2));

    private static RecipeSearch<IdsWithLabel> Grid(FineTuner<IdsWithLabel> tuner) => FineTuner.Search(tuner)
        .Over("rate", Rates, (o, rate) => o with { Optimizer = Optimizer.AdamW(rate) })
        .Over("rows", Sizes, (o, rows) => o with { BatchSize = rows });

    private static string[] Table(SearchResult result) => [.. result.Trials.Select(trial => $"{trial.Number} {trial.Share} {string.Join(" ", trial.Scores.Select(score => score.ToString("R")))}")];

    [Fact]
    public void A_grid_is_tried_whole_and_the_model_is_what_a_run_of_the_best_recipe_gives()
    {
        using RowsClassifier model = TinyRun.Model(), other = TinyRun.Model();
        SearchResult found = Grid(Tuner(model)).Train(TinyRun.Data(30));
        Assert.Equal(6, found.Trials.Count);
        Assert.True(found.IsComplete);
        Assert.Equal(found.Trials.OrderByDescending(trial => trial.Mean).ThenBy(trial => trial.Number).Select(trial => trial.Number), found.Trials.Select(trial => trial.Number));
        Assert.Equal(6, found.Trials.Select(trial => string.Join(',', trial.Values)).Distinct().Count());
        Assert.Equal(found.Best.Mean, found.Run.Metrics![found.Metric]);
        TrainingResult alone = Tuner(other).With(_ => found.Recipe with { FrozenStates = new() }).Train(TinyRun.Data(30));
        Assert.Equal(alone.Metrics!["accuracy"], found.Best.Mean);
        Assert.All(TinyRun.Values(other).Zip(TinyRun.Values(model)), pair => Assert.Equal(pair.First, pair.Second, 1e-5));
        Assert.Empty(model.Weights.Trunk!.FrozenStates.Sets);
        Assert.Contains("<table>", found.ToFragment(), StringComparison.Ordinal);
        Assert.Contains("rate", found.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void Every_recipe_begins_with_the_same_weights_whatever_was_tried_before()
    {
        using RowsClassifier model = TinyRun.Model();
        SearchResult found = Grid(Tuner(model)).Train(TinyRun.Data(30));
        foreach (SearchTrial trial in found.Trials)
        {
            using RowsClassifier alone = TinyRun.Model();
            Assert.Equal(trial.Mean, Tuner(alone).With(_ => trial.Recipe).Train(TinyRun.Data(30)).Metrics!["accuracy"]);
        }
    }

    [Fact]
    public void It_repeats_to_the_bit_and_another_seed_draws_others()
    {
        (string[] Table, float[] Values, double[] Rates) Run(long seed)
        {
            using RowsClassifier model = TinyRun.Model();
            SearchResult found = FineTuner.Search(Tuner(model)).Over("rate", SearchInterval.LogUniform(1e-4, 1e-1), (o, rate) => o with { Optimizer = Optimizer.AdamW(rate) })
                .Over("rows", Sizes, (o, rows) => o with { BatchSize = rows }).Trials(7, seed).Seeds(1, 2).Train(TinyRun.Data(20));
            Assert.All(found.Trials, trial => Assert.Equal(2, trial.Scores.Count));
            return (Table(found), TinyRun.Values(model), [.. found.Trials.Select(trial => trial.Recipe.Optimizer.LearningRate).Order()]);
        }
        (string[] table, float[] values, double[] rates) = Run(1);
        Assert.Equal(table, Run(1).Table);
        Assert.Equal(values, Run(1).Values);
        Assert.NotEqual(rates, Run(2).Rates);
        // One of each of seven equal parts of the interval.
        Assert.Equal(Enumerable.Range(0, 7), rates.Select(rate => (int)Math.Floor((Math.Log(rate) - Math.Log(1e-4)) / (Math.Log(1e-1) - Math.Log(1e-4)) * 7)));
    }

    [Fact]
    public void Halving_runs_many_for_a_short_time_and_few_at_full_length()
    {
        using RowsClassifier model = TinyRun.Model();
        SearchResult found = FineTuner.Search(Tuner(model).Epochs(9)).Over("rate", SearchInterval.LogUniform(1e-5, 1e-1), (o, rate) => o with { Optimizer = Optimizer.AdamW(rate) })
            .Trials(9).Halving(factor: 3, lengths: 3).Train(TinyRun.Data(20));
        Assert.Equal([1, 1 / 3.0, 1 / 3.0], found.Trials.Take(3).Select(trial => trial.Share).Select(share => Math.Round(share, 12) == Math.Round(1 / 3.0, 12) ? 1 / 3.0 : share));
        Assert.Equal(6, found.Trials.Count(trial => trial.Share < 0.2));
        Assert.Equal(9, found.Run.Epochs);
        Assert.Equal(1, found.Best.Share);
    }

    [Fact]
    public void It_goes_on_from_its_journal_and_a_line_that_was_cut_off_is_tried_again()
    {
        string path = Path.Combine(Directory.CreateTempSubdirectory("search").FullName, "search.jsonl");
        using RowsClassifier whole = TinyRun.Model();
        SearchResult expected = Grid(Tuner(whole)).Journal(path).Train(TinyRun.Data(30));
        string[] lines = File.ReadAllLines(path);
        Assert.Equal(7, lines.Length);
        File.WriteAllText(path, string.Join('\n', lines[..4]) + "\n" + lines[4][..10]);
        using RowsClassifier model = TinyRun.Model();
        int told = 0;
        SearchResult actual = Grid(Tuner(model)).Journal(path).OnTrial(_ => told++).Train(TinyRun.Data(30));
        Assert.Equal(6, told);
        Assert.Equal(Table(expected), Table(actual));
        Assert.All(TinyRun.Values(whole).Zip(TinyRun.Values(model)), pair => Assert.Equal(pair.First, pair.Second, 1e-5));
        Assert.Equal(lines.Select(WithoutTime), File.ReadAllLines(path).Select(WithoutTime));
        // All is known: nothing but the best is trained.
        using RowsClassifier again = TinyRun.Model();
        Assert.Equal(Table(expected), Table(Grid(Tuner(again)).Journal(path).Train(TinyRun.Data(30))));
        Assert.All(TinyRun.Values(whole).Zip(TinyRun.Values(again)), pair => Assert.Equal(pair.First, pair.Second, 1e-5));

        string refused = Assert.Throws<InvalidOptionsException>(() => Grid(Tuner(again).Epochs(5)).Journal(path).Train(TinyRun.Data(31))).Message;
        Assert.Contains("recipes", refused, StringComparison.Ordinal);
        Assert.Contains("training data", refused, StringComparison.Ordinal);
        Directory.Delete(Path.GetDirectoryName(path)!, recursive: true);

        static string WithoutTime(string line) => System.Text.RegularExpressions.Regex.Replace(line, "\"Seconds\":[^,}]*", "");
    }

    [Theory]
    [InlineData("no json")]
    [InlineData("[]")]
    [InlineData("{}")]
    [InlineData("null")]
    public void A_file_that_is_no_journal_is_refused_and_stays(string text)
    {
        string path = Path.GetTempFileName();
        File.WriteAllText(path, text + "\n");
        using RowsClassifier model = TinyRun.Model();
        float[] before = TinyRun.Values(model);
        Assert.Contains("journal", Assert.Throws<InvalidOptionsException>(() => Grid(Tuner(model)).Journal(path).Train(TinyRun.Data(10))).Message, StringComparison.Ordinal);
        Assert.Equal(text + "\n", File.ReadAllText(path));
        Assert.Equal(before, TinyRun.Values(model));
        File.Delete(path);
    }

    [Fact]
    public void Folds_spread_strata_keep_groups_and_use_every_example_once()
    {
        var random = new Random(3);
        int[] labels = [.. Enumerable.Range(0, 103).Select(_ => random.Next(4))], authors = [.. Enumerable.Range(0, 103).Select(_ => random.Next(20))];
        int[] plain = SearchFolds.Of(103, 5, null, null, 1), stratified = SearchFolds.Of(103, 5, i => labels[i], null, 1), grouped = SearchFolds.Of(103, 5, i => labels[i], i => authors[i], 1);
        Assert.All(Enumerable.Range(0, 5), fold => Assert.InRange(plain.Count(part => part == fold), 20, 21));
        Assert.All(Enumerable.Range(0, 5), fold => Assert.All(Enumerable.Range(0, 4), label =>
        {
            int all = labels.Count(own => own == label);
            Assert.InRange(Enumerable.Range(0, 103).Count(i => stratified[i] == fold && labels[i] == label), all / 5, (all / 5) + 1);
        }));
        Assert.All(Enumerable.Range(0, 5), fold => Assert.InRange(stratified.Count(part => part == fold), 18, 23));
        Assert.All(Enumerable.Range(0, 103).GroupBy(i => authors[i]), group => Assert.Single(group.Select(i => grouped[i]).Distinct()));
        Assert.All(Enumerable.Range(0, 5), fold => Assert.InRange(grouped.Count(part => part == fold), 12, 30));
        Assert.NotEqual(plain, SearchFolds.Of(103, 5, null, null, 2));
        Assert.Equal(plain, SearchFolds.Of(103, 5, null, null, 1));
    }

    [Fact]
    public void Cross_validation_scores_every_fold_and_the_model_learns_from_all_data()
    {
        using RowsClassifier model = TinyRun.Model();
        FineTuner<IdsWithLabel> tuner = FineTuner.For(model).Freeze(l => l.Trunk()).Epochs(4);
        SearchResult found = Grid(tuner).Folds(3, stratify: row => row.Label).Train(TinyRun.Data(30));
        Assert.All(found.Trials, trial => Assert.Equal(3, trial.Scores.Count));
        Assert.Equal(found.Best.Scores.Average(), found.Best.Mean, 1e-12);
        Assert.Equal((30, 0), (found.Run.TrainingRows, found.Run.ValidationRows));
    }

    [Fact]
    public void A_search_that_is_cancelled_ends_with_the_best_so_far_and_before_a_recipe_with_the_weights_it_had()
    {
        using RowsClassifier model = TinyRun.Model();
        using var stop = new CancellationTokenSource();
        SearchResult found = Grid(Tuner(model)).OnTrial(trial =>
        {
            if (trial.Number == 2) stop.Cancel();
        }).Train(TinyRun.Data(30), stop.Token);
        Assert.False(found.IsComplete);
        Assert.Equal([1, 2], found.Trials.Select(trial => trial.Number).Order());

        using RowsClassifier fresh = TinyRun.Model();
        float[] before = TinyRun.Values(fresh);
        Assert.Throws<InvalidOperationException>(() => Grid(Tuner(fresh)).OnTrial(_ => throw new InvalidOperationException("enough")).Train(TinyRun.Data(30)));
        Assert.Equal(before, TinyRun.Values(fresh));
    }

    [Fact]
    public void Of_several_seeds_the_best_run_is_the_result_also_where_the_search_is_cancelled_then()
    {
        foreach (int trials in new[] { 2, 6 })
        {
            using RowsClassifier model = TinyRun.Model(), other = TinyRun.Model();
            using var stop = new CancellationTokenSource();
            int told = 0;
            SearchResult found = Grid(Tuner(model)).Seeds(4, 1, 3).OnTrial(_ =>
            {
                if (++told == trials && trials < 6) stop.Cancel();
            }).Train(TinyRun.Data(30), stop.Token);
            Assert.Equal((trials, trials == 6), (found.Trials.Count, found.IsComplete));
            Assert.Equal(StopReason.Completed, found.Run.StopReason);
            Assert.Equal(found.Best.Scores.Max(), found.Run.Metrics![found.Metric]);
            Assert.Equal(new long[] { 4, 1, 3 }[found.Best.Scores.ToList().IndexOf(found.Best.Scores.Max())], found.Recipe.Seed);
            TrainingResult alone = Tuner(other).With(_ => found.Recipe with { FrozenStates = new() }).Train(TinyRun.Data(30));
            Assert.Equal(found.Best.Recipe.Optimizer, alone.Options.Optimizer);
            Assert.All(TinyRun.Values(other).Zip(TinyRun.Values(model)), pair => Assert.Equal(pair.First, pair.Second, 1e-5));
        }
    }

    [Fact]
    public void A_search_that_fails_lets_the_weights_train_that_trained_before()
    {
        using RowsClassifier model = TinyRun.Model();
        Assert.Throws<InvalidOperationException>(() => Grid(Tuner(model)).OnTrial(_ => throw new InvalidOperationException("enough")).Train(TinyRun.Data(30)));
        Assert.All(model.Weights, weight => Assert.True(weight.IsTrainable));
    }

    [Fact]
    public void A_recipe_that_diverges_loses_and_says_why()
    {
        using RowsClassifier model = TinyRun.Model();
        SearchResult found = FineTuner.Search(FineTuner.For(model).Epochs(20).BatchSize(4).ValidateOn(TinyRun.Data(16, 2)).With(o => o with { ClipNorm = null, Schedule = Schedule.Constant() })).Over("rate", [1e-2, 1000], (o, rate) => o with { Optimizer = Optimizer.Sgd(rate), RateFactors = rate > 1 ? [new RateFactor(new WeightFilter().Named("*"), 1e6), new RateFactor(new WeightFilter().Named("*"), 1e6), new RateFactor(new WeightFilter().Named("*"), 1e6), new RateFactor(new WeightFilter().Named("*"), 1e6)] : [] }).Train(TinyRun.Data(30));
        Assert.Equal(1, found.Best.Number);
        Assert.True(double.IsNaN(found.Trials[1].Mean));
        Assert.Contains("step", found.Trials[1].Problem, StringComparison.Ordinal);
    }

    [Fact]
    public void Wrong_settings_and_recipes_are_refused_together_before_data_is_read()
    {
        using RowsClassifier model = TinyRun.Model();
        IEnumerable<IdsWithLabel> Unread()
        {
            Assert.Fail("the data was read");
            yield break;
        }
        FineTuner<IdsWithLabel> plain = FineTuner.For(model);
        string[] all = [.. Assert.Throws<InvalidOptionsException>(() => FineTuner.Search(plain).Over("a", SearchInterval.LogUniform(0, 1), (o, _) => o).Over("a", Array.Empty<int>(), (o, _) => o)
            .Seeds(1, 1).Halving(1, 0).TimeLimit(TimeSpan.Zero).Journal("/no/such/folder/file").Train(Unread())).Violations];
        Assert.Equal(10, all.Length);
        Assert.Contains("Trials", Assert.Throws<InvalidOptionsException>(() => FineTuner.Search(Tuner(model)).Over("rate", SearchInterval.Uniform(0, 1), (o, _) => o).Train(Unread())).Message, StringComparison.Ordinal);
        string recipes = Assert.Throws<InvalidOptionsException>(() => FineTuner.Search(Tuner(model)).Over("rows", [0, 4, -1], (o, rows) => o with { BatchSize = rows }).Train(Unread())).Message;
        Assert.Contains("recipe 1 (rows 0)", recipes, StringComparison.Ordinal);
        Assert.Contains("recipe 3 (rows -1)", recipes, StringComparison.Ordinal);
    }
}
