using FineTuning.Examples;
using FineTuning.Metrics;
using Xunit;

namespace FineTuning.Tests.Metrics;

/// <summary>What averages leave out, why a score is not defined, and which way each gets better.</summary>
public sealed class MetricConventionTests
{
    [Fact]
    public void Labels_on_neither_side_count_in_no_mean_of_single_labels()
    {
        // scikit-learn's default: f1_score([0, 0, 1], [0, 1, 1], average="macro") is 2/3, and a label 2 that nobody mentions changes nothing.
        var accumulator = new ClassificationAccumulator(["a", "b", "never"]);
        accumulator.Add(0, [0.8f, 0.1f, 0.1f]);
        accumulator.Add(0, [0.1f, 0.8f, 0.1f]);
        accumulator.Add(1, [0.1f, 0.8f, 0.1f]);
        MetricReport report = accumulator.Report(0);
        Assert.Equal(2 / 3.0, report["f1_macro"], 1e-12);
        Assert.Equal(0.75, report["precision_macro"], 1e-12);
        Assert.Equal(0.75, report["recall_macro"], 1e-12);
        Assert.Equal(3, report.Classes.Count);
    }

    [Fact]
    public void What_is_not_defined_says_why()
    {
        MetricReport Report(params (double Reference, double Predicted)[] rows)
        {
            var accumulator = new RegressionAccumulator();
            foreach ((double reference, double predicted) in rows) accumulator.Add(reference, predicted);
            return accumulator.Report(0);
        }
        Assert.Contains("all predictions are 2", Report((1, 2), (3, 2)).Find("pearson")!.Undefined, StringComparison.Ordinal);
        Assert.Contains("all references are 1", Report((1, 2), (1, 3)).Find("spearman")!.Undefined, StringComparison.Ordinal);
        Assert.Contains("two rows", Report((1, 2)).Find("r2")!.Undefined, StringComparison.Ordinal);
        Assert.Null(Report((1, 2), (3, 5)).Find("pearson")!.Undefined);
        Assert.Contains("pearson undefined (all predictions are 2)", Report((1, 2), (3, 2)).ToString(), StringComparison.Ordinal);
        var entities = new EntityAccumulator(TaggingScheme.Iob2);
        entities.Add(["O"], ["O"]);
        Assert.Contains("no entity", entities.Report(0).Find("f1_macro")!.Undefined, StringComparison.Ordinal);
    }

    [Fact]
    public void Names_do_not_decide_the_direction()
    {
        Assert.False(new Ter().HigherIsBetter);
        Assert.True(new Bleu().HigherIsBetter);
        var report = new MetricReport([MetricValue.Higher("loss_of_competitors", 1), MetricValue.Neither("threshold", 0.5)]);
        Assert.Equal(MetricDirection.Higher, report.Find("loss_of_competitors")!.Direction);
        Assert.Equal(MetricDirection.Neither, report.Find("threshold")!.Direction);
        Assert.Throws<ArgumentException>(() => new MetricReport([MetricValue.Lower("a", 1), MetricValue.Lower("a", 2)]));
        Assert.Throws<ArgumentException>(() => new MetricReport([null!]));
    }

    [Fact]
    public void Intervals_of_a_corpus_hold_its_score_and_are_drawn_alike_everywhere()
    {
        var metric = new Chrf();
        IReadOnlyList<double>[] counts = [.. Enumerable.Range(0, 40).Select(i => metric.Statistics($"the cat {i % 7} sat", [$"the cat {i % 5} sat down"]))];
        IReadOnlyList<IReadOnlyList<int>> resamples = PairedBootstrap.Draw(40, 200, 7);
        Assert.All(resamples, rows => Assert.All(rows, row => Assert.InRange(row, 0, 39)));
        Assert.Equal(resamples.SelectMany(rows => rows), PairedBootstrap.Draw(40, 200, 7).SelectMany(rows => rows));
        Assert.NotEqual(resamples.SelectMany(rows => rows), PairedBootstrap.Draw(40, 200, 8).SelectMany(rows => rows));
        Assert.Throws<ArgumentOutOfRangeException>(() => PairedBootstrap.Draw(int.MaxValue, 1, 7));
        Assert.Throws<ArgumentOutOfRangeException>(() => PairedBootstrap.Draw(1, 1 << 24, 7));
        Assert.Throws<ArgumentOutOfRangeException>(() => PairedBootstrap.Draw(1000, int.MaxValue, 7));
        (double low, double high) = PairedBootstrap.Interval(metric, counts, resamples);
        double score = metric.Score([.. Enumerable.Range(0, counts[0].Count).Select(i => counts.Sum(row => row[i]))]);
        Assert.True(low < score && score < high, $"{low} {score} {high}");
    }
}
