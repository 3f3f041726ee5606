using FineTuning.Errors;
using FineTuning.Examples;
using FineTuning.Heads;
using FineTuning.Strategies;
using FineTuning.Training;
using TorchSharp;
using Xunit;

namespace FineTuning.Tests.Strategies;

/// <summary>Classifiers that answer together.</summary>
public sealed class EnsembleTests
{
    private static readonly string Starter = Goldens.Starter;

    private static readonly LabeledText<string>[] Moods = [.. Enumerable.Range(0, 24).Select(i => new LabeledText<string>(
        $"the order number {i} is {(i % 3 == 0 ? "wrong" : "fine")}", i % 3 == 0 ? "bad" : "good"))];

    [Fact]
    public void Members_differ_by_their_seeds_and_answer_with_the_mean_of_their_probabilities()
    {
        EnsembleResult<string> result = Ensemble.OverSeeds(Make, Recipe, Moods[..16], Moods[16..], members: 3, firstSeed: 5);
        using EnsembleClassifier<string> model = result.Model;
        Assert.Equal(3, result.Runs.Count);
        Assert.Equal([5L, 6, 7], result.Runs.Select(run => run.Options.Seed));
        Assert.Equal(3, model.Members.Select(member => member.Predict(Moods[0].Text).Confidence).Distinct().Count());
        Classification<string>[] own = [.. model.Members.Select(member => member.Predict(Moods[3].Text))];
        foreach (LabelScore<string> score in model.Predict(Moods[3].Text).Scores)
            Assert.Equal(own.Average(answer => answer.Scores.First(other => other.Label == score.Label).Score), score.Score, 1e-12);
        double accuracy = Moods[16..].Average(row => model.Predict(row.Text).Label == row.Label ? 1.0 : 0);
        Assert.Equal(accuracy, result.Together["accuracy"], 1e-12);
        double loss = Moods[16..].Average(row => -Math.Log(model.Predict(row.Text).Scores.First(score => score.Label == row.Label).Score));
        Assert.Equal(loss, result.Together["loss"], 1e-5);
        Assert.Contains("3 members", result.ToString(), StringComparison.Ordinal);
        // The first is the run that its seed alone gives.
        using TextClassifier<string> alone = Make(5);
        Recipe(FineTuner.For(alone)).Seed(5).ValidateOn(Moods[16..]).Train(Moods[..16]);
        Assert.Equal(alone.Predict(Moods[0].Text).Confidence, model.Members[0].Predict(Moods[0].Text).Confidence);
    }

    [Fact]
    public void Each_row_is_measured_by_the_member_that_has_not_seen_it()
    {
        EnsembleResult<string> result = Ensemble.OverFolds(Make, Recipe, Moods, folds: 4);
        using EnsembleClassifier<string> model = result.Model;
        Assert.Equal(4, model.Members.Count);
        Assert.All(result.Runs, run => Assert.Equal((18, 6), (run.TrainingRows, run.ValidationRows)));
        // Two of each three rows are good, in each part alike.
        Assert.All(result.Runs, run => Assert.Equal([2.0, 4], run.Metrics!.Classes.Select(label => label.Support)));
        Assert.Equal(24, result.Together.Classes.Sum(label => label.Support));
        double mean = result.Runs.Average(run => run.Metrics!["accuracy"]);
        Assert.Equal(mean, result.Together["accuracy"], 1e-12);
    }

    [Theory]
    [InlineData(2)]
    [InlineData(4)]
    public void Parts_hold_both_of_two_labels_that_are_equally_frequent(int folds)
    {
        LabeledText<string>[] even = [.. Enumerable.Range(0, 16).Select(i => new LabeledText<string>($"the order number {i}", i % 2 == 0 ? "bad" : "good"))];
        EnsembleResult<string> result = Ensemble.OverFolds(Make, tuner => Recipe(tuner).Epochs(1), even, folds);
        using EnsembleClassifier<string> model = result.Model;
        Assert.All(result.Runs, run => Assert.Equal([8.0 / folds, 8.0 / folds], run.Metrics!.Classes.Select(label => label.Support)));
    }

    [Fact]
    public void Labels_are_found_by_themselves_whatever_their_order_is()
    {
        TextClassifier<string> one = Pretrained.TextClassifier(Starter, new TextClassifierOptions<string> { Labels = ["bad", "good"], Seed = 1 });
        TextClassifier<string> other = Pretrained.TextClassifier(Starter, new TextClassifierOptions<string> { Labels = ["good", "bad"], Seed = 2 });
        using var model = new EnsembleClassifier<string>([one, other]);
        double expected = new[] { one, other }.Average(member => member.Predict("a text").Scores.First(score => score.Label == "good").Score);
        Assert.Equal(expected, model.Predict("a text").Scores.First(score => score.Label == "good").Score, 1e-12);
        using TextClassifier<string> third = Pretrained.TextClassifier(Starter, new TextClassifierOptions<string> { Labels = ["good", "fair"] });
        Assert.Contains("member 1", Assert.Throws<InvalidOptionsException>(() => new EnsembleClassifier<string>([one, third])).Message, StringComparison.Ordinal);
        Assert.Throws<InvalidOptionsException>(() => new EnsembleClassifier<string>([]));
    }

    [Fact]
    public void What_does_not_fit_is_refused_and_what_was_loaded_is_freed()
    {
        Assert.Throws<InvalidOptionsException>(() => Ensemble.OverSeeds(Make, Recipe, Moods, Moods, members: 1));
        Assert.Throws<InvalidOptionsException>(() => Ensemble.OverFolds(Make, Recipe, Moods, folds: 25));
        var loaded = new List<TextClassifier<string>>();
        TextClassifier<string> Same(long seed)
        {
            if (loaded.Count == 0) loaded.Add(Make(seed));
            return loaded[0];
        }
        Assert.Throws<ArgumentException>(() => Ensemble.OverSeeds(Same, Recipe, Moods, Moods));
        Assert.Throws<ObjectDisposedException>(() => loaded[0].Predict("a text"));
    }

    private static TextClassifier<string> Make(long seed) => Pretrained.TextClassifier(Starter, new TextClassifierOptions<string> { Labels = ["bad", "good"], Seed = seed });

    private static FineTuner<LabeledText<string>> Recipe(FineTuner<LabeledText<string>> tuner) => tuner.Epochs(2).BatchSize(4).WithOptimizer(Optimizer.AdamW(1e-3));
}
