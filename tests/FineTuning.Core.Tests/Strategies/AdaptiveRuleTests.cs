using FineTuning.Models;
using FineTuning.Strategies;
using FineTuning.Training;
using Xunit;

namespace FineTuning.Tests.Strategies;

/// <summary>From measurements to recipes, as a table; and the formulas of what is measured, against numbers that are known.</summary>
public sealed class AdaptiveRuleTests
{
    private static readonly AdaptiveMeasurements Base = new()
    {
        TrainingRows = 500, ValidationRows = 200, Layers = 6, HiddenSize = 384, TakesAdapters = true, LabelBits = 1, UsableBits = 0.3, GradientNoiseScale = 20,
        Probes = [new(0, 0.6, 0.1), new(2, 0.65, 0.2), new(4, 0.68, 0.25), new(6, 0.7, 0.3)], ProbedRows = 500, Classes = 2, LabelNoise = 0.02,
    };

    /// <summary>Bits that the layers' probes use, of one, and what then trains.</summary>
    [Theory]
    [InlineData(0.9, 0.9, 0, "the head alone")] // a linear head is good enough
    [InlineData(0.8, 0.8, 2, "highest 2 of 6")] // 0.1 over what needs none, a quarter of the way
    [InlineData(0.7, 0.7, 3, "highest 3 of 6")]
    [InlineData(0.5, 0.5, 6, "all weights")]
    [InlineData(0.3, 0.3, 6, "all weights")]
    [InlineData(0.8, 0.1, 4, "highest 4 of 6")] // known in the second layer alone: what is above has to bring it up
    [InlineData(0.9, 0.1, 4, "highest 4 of 6")]
    public void What_trains_follows_from_what_a_linear_head_finds(double best, double top, int layers, string says)
    {
        AdaptiveMeasurements measured = Base with { UsableBits = best, Probes = [new(0, 0.5, 0), new(2, 0.9, best), new(6, 0.9, top)] };
        (TuningDepth depth, string reason) = AdaptiveRules.Depth(measured);
        Assert.Equal(new TuningDepth(layers, 6), depth);
        Assert.Contains(says, reason, StringComparison.Ordinal);
    }

    [Fact]
    public void An_accurate_head_is_enough_whatever_its_bits()
    {
        (TuningDepth depth, string reason) = AdaptiveRules.Depth(Base with { Probes = [new(6, 0.98, 0.2)], UsableBits = 0.2 });
        Assert.True(depth.IsHead);
        Assert.Contains("98.0", reason, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(500, 8)]
    [InlineData(5_000, 16)]
    [InlineData(50_000, 32)]
    public void An_adapter_trains_where_all_weights_have_no_room_or_cannot(int rows, int rank)
    {
        AdaptiveMeasurements hard = Base with { TrainingRows = rows };
        Assert.True(AdaptiveRules.Depth(hard with { Memory = (50, 100) }).Depth.IsAll);
        Assert.Equal(new TuningDepth(6, 6, rank), AdaptiveRules.Depth(hard with { Memory = (70, 100) }).Depth);
        Assert.Equal(new TuningDepth(6, 6, rank), AdaptiveRules.Depth(hard with { TrunkTrains = false }).Depth);
        Assert.True(AdaptiveRules.Depth(hard with { TrunkTrains = false, TakesAdapters = false }).Depth.IsHead);
        // What is easy needs none.
        Assert.True(AdaptiveRules.Depth(hard with { TrunkTrains = false, Probes = [new(6, 0.99, 0.95)], UsableBits = 0.95 }).Depth.IsHead);
    }

    [Fact]
    public void Without_probes_all_trains_and_it_is_said()
    {
        (TuningDepth depth, string reason) = AdaptiveRules.Depth(Base with { Probes = [], LabelBits = double.NaN, UsableBits = double.NaN });
        Assert.True(depth.IsAll);
        Assert.Contains("not known", reason, StringComparison.Ordinal);
        Assert.True(AdaptiveRules.Depth(Base with { Layers = 0 }).Depth.IsAll);
        // Layers that share their weights train together or not at all.
        Assert.True(AdaptiveRules.Depth(Base with { UsableBits = 0.7, Probes = [new(6, 0.9, 0.7)], LayersAreApart = false }).Depth.IsAll);
    }

    [Theory]
    [InlineData(double.NaN, 500, 16)]
    [InlineData(1.0, 500, 8)]
    [InlineData(20.0, 500, 16)]
    [InlineData(25.0, 500, 32)]
    [InlineData(double.PositiveInfinity, 500, 32)]
    [InlineData(double.PositiveInfinity, 100, 12)] // at least eight steps an epoch
    [InlineData(double.PositiveInfinity, 3, 3)]
    public void A_step_takes_as_many_rows_as_the_gradients_noise_asks_for(double scale, int rows, int batch) =>
        Assert.Equal(batch, AdaptiveRules.Batch(Base with { GradientNoiseScale = scale, TrainingRows = rows }).Batch);

    [Fact]
    public void The_rate_lies_between_the_usual_one_and_that_of_the_range_test()
    {
        var all = new TuningDepth(6, 6);
        Optimizer adam = Optimizer.AdamW();
        Assert.Equal(0.04 / 384, AdaptiveRules.Rate(Base, all, 16, adam).Rate, 1e-12);
        Assert.Equal(20 * 0.04 / 384, AdaptiveRules.Rate(Base, new(0, 6), 16, adam).Rate, 1e-12);
        Assert.Equal(10 * 0.04 / 384, AdaptiveRules.Rate(Base, new(6, 6, 8), 16, adam).Rate, 1e-12);
        Assert.Equal(0.04 / 384 * Math.Sqrt(2), AdaptiveRules.Rate(Base, all, 32, adam).Rate, 1e-12);
        // An optimizer of another kind has rates of its own.
        Assert.Equal(0.3, AdaptiveRules.Rate(Base, all, 16, Optimizer.Sgd(0.3)).Rate, 1e-12);
        foreach ((double suggested, double factor) in new[] { (4.0, 2.0), (0.25, 0.5), (1e4, 3), (1e-4, 1 / 3.0) })
        {
            double usual = 0.04 / 384, lowest = suggested * usual * 10;
            var curve = new LearningRateCurve([.. Enumerable.Range(0, 12).Select(i => new LearningRatePoint(lowest * Math.Pow(2, i - 8), 1, Math.Abs(i - 8)))]);
            Assert.Equal(factor * usual, AdaptiveRules.Rate(Base with { Rates = curve }, all, 16, adam).Rate, 1e-9);
        }
    }

    [Theory]
    [InlineData(0.0, 100, 9)]  // 60 steps of 7 an epoch
    [InlineData(0.5, 100, 20)] // 230 steps would be 33 epochs
    [InlineData(1.0, 2000, 4)]
    [InlineData(0.0, 100_000, 2)]
    public void Hard_data_is_gone_through_more_often(double difficulty, int rows, int epochs)
    {
        AdaptiveMeasurements measured = Base with { TrainingRows = rows, UsableBits = 1 - difficulty };
        Assert.Equal(epochs, AdaptiveRules.Epochs(measured, new(6, 6), 16).Wanted);
    }

    [Fact]
    public void Few_rows_and_noisy_labels_are_held_against()
    {
        var plain = new TrainingOptions();
        TrainingOptions few = AdaptiveRules.Regularised(Base, new(6, 6), plain, 8).Recipe;
        Assert.Equal((0.9, 0.05, 4), (few.LayerDecay, few.Optimizer.WeightDecay, few.EarlyStopping!.Patience));
        TrainingOptions many = AdaptiveRules.Regularised(Base with { TrainingRows = 5000 }, new(6, 6), plain, 2).Recipe;
        Assert.Equal(plain, many);
        AdaptiveMeasurements noisy = Base with { LabelNoise = 0.2, UsableBits = 0.6 };
        Assert.Contains(AdaptiveRules.Regularised(noisy, new(6, 6), plain, 8).Recipe.Features, feature => feature is WeightAverage);
        // A weak probe takes what it does not understand for wrong.
        Assert.Empty(AdaptiveRules.Regularised(noisy with { UsableBits = 0.3 }, new(6, 6), plain, 8).Recipe.Features);
        // What the tuner says stays.
        var own = new TrainingOptions { LayerDecay = 0.8, EarlyStopping = new EarlyStopping(1), Schedule = Schedule.Constant(), Optimizer = Optimizer.AdamW(1e-4, 0.2) };
        Assert.Equal(own, AdaptiveRules.Regularised(Base, new(6, 6), own, 8).Recipe);
    }

    [Theory]
    [InlineData(1.0, 0.5, 0.2, 1.0)]
    [InlineData(1.0, 0.99, 0.2, 2.0)]
    [InlineData(1.0, 1.5, 0.2, 0.3)]
    [InlineData(1.0, 1.5, 0.0, 0.0)]
    [InlineData(1.0, 0.5, double.NaN, 1.0)]
    public void A_quarter_of_the_run_says_how_it_goes_on(double first, double last, double error, double factor) =>
        Assert.Equal(factor, AdaptiveRules.Revised(first, last, error).Factor);

    /// <summary>Rows that are left, and how many epochs with which comparison they have room for: all weights, 160 rows and no evaluation to speak of.</summary>
    [Theory]
    [InlineData(10_000, 20, "Whole", 6)]
    [InlineData(2_600, 13, "Whole", 6)] // three epochs of the tuner's own are 480
    [InlineData(900, 3, "Short", 6)]
    [InlineData(482, 3, "None", 6)]
    [InlineData(170, 1, "None", 6)]
    [InlineData(110, 1, "None", 3)] // not even one epoch of all layers
    public void The_choice_keeps_what_is_left_of_the_budget(double left, int epochs, string comparison, int layers)
    {
        AdaptiveMeasurements measured = Base with { TrainingRows = 160, ValidationRows = 1 };
        var cost = new RowCost(160, 1, KeepsStates: true);
        AdaptiveChoice choice = AdaptiveChoice.Of(measured, AdaptiveRules.Depth(measured), new TrainingOptions(), cost, left);
        Assert.Equal((epochs, comparison, layers), (choice.Recipe.Epochs, choice.Comparison.ToString(), choice.Depth.Layers));
        Assert.True(AdaptiveChoice.CostOf(choice.Depth, choice.Recipe, cost) <= left, choice.ToString());
        Assert.Equal(choice, AdaptiveChoice.Of(measured, AdaptiveRules.Depth(measured), new TrainingOptions(), cost, left) with { Reasons = choice.Reasons });
    }

    [Fact]
    public void Micro_batches_stay_as_small_as_the_tuner_has_them()
    {
        AdaptiveMeasurements measured = Base with { GradientNoiseScale = 100 };
        AdaptiveChoice choice = AdaptiveChoice.Of(measured, AdaptiveRules.Depth(measured), new TrainingOptions { BatchSize = 8 }, new(500, 200, true), 1e6);
        Assert.Equal((8, 4), (choice.Recipe.BatchSize, choice.Recipe.Accumulation));
        AdaptiveChoice tokens = AdaptiveChoice.Of(measured, AdaptiveRules.Depth(measured), new TrainingOptions { TokenBudget = 100, BatchSize = 1024 }, new(500, 200, true), 1e6);
        Assert.Equal((1024, 100), (tokens.Recipe.BatchSize, tokens.Recipe.TokenBudget));
    }

    [Fact]
    public void Costs_are_those_of_passes()
    {
        var cost = new RowCost(90, 30, KeepsStates: true);
        Assert.Equal(90 * 2 + 2 * 10, cost.Run(new(6, 6), 2, 2), 1e-9);
        // Two of six layers: the others once over all rows, then a third of a pass.
        Assert.Equal(120 / 3.0 * 4 / 6 + (2 * 90 / 3.0) + (2 * 30 / 9.0), cost.Run(new(2, 6), 2, 2), 1e-9);
        Assert.Equal((2 * 90 * (1 + (2 / 3.0)) / 3) + (2 * 10), (cost with { KeepsStates = false }).Run(new(2, 6), 2, 2), 1e-9);
        Assert.Equal((2 * 90 * 2 / 3.0) + (2 * 10), cost.Run(new(6, 6, 8), 2, 2), 1e-9);
        Assert.True(cost.Run(new(0, 6), 20, 20) < 120 / 3.0 + 30);
    }

    [Fact]
    public void The_noise_scale_is_that_of_gradients_with_a_known_spread()
    {
        // |G|^2 = 4 and tr(S) = 80: E|G_b|^2 = 4 + 80 / b.
        Assert.Equal(20, GradientNoise.Scale(4 + (80 / 8.0), 4 + (80 / 48.0), 8, 6), 1e-9);
        Assert.Equal(0, GradientNoise.Scale(4, 4, 8, 6), 1e-9);
        Assert.Equal(double.PositiveInfinity, GradientNoise.Scale(80 / 8.0, 80 / 48.0, 8, 6));
        Assert.Equal(double.NaN, GradientNoise.Scale(0, 0, 8, 6));
    }

    [Fact]
    public void Information_is_that_of_known_probabilities()
    {
        int[] labels = [.. Enumerable.Range(0, 1000).Select(i => i % 4)];
        // Nothing known: each label has its frequency.
        (double[] none, double labelBits) = ProbeProbabilities.Information([.. labels.Select(_ => new[] { 0.25, 0.25, 0.25, 0.25 })], labels);
        Assert.Equal(2, labelBits, 1e-9);
        Assert.All(none, bits => Assert.Equal(0, bits, 1e-9));
        // One of two: one bit of two is known.
        (double[] half, _) = ProbeProbabilities.Information([.. labels.Select(label => label < 2 ? new[] { 0.5, 0.5, 0, 0 } : [0, 0, 0.5, 0.5])], labels);
        Assert.All(half, bits => Assert.Equal(1, bits, 1e-9));
        Assert.All(ProbeProbabilities.Information([.. labels.Select(label => label == 0 ? new[] { 0.01, 0.99, 0, 0 } : [0, 1, 1, 1])], labels).Bits
            .Where((_, i) => labels[i] == 0), bits => Assert.True(bits < 0));
    }

    [Fact]
    public void Probabilities_are_calibrated_to_how_often_scores_are_right()
    {
        // Sure of everything, and right in 80 of 100.
        float[][] logits = [.. Enumerable.Range(0, 1000).Select(_ => new[] { 50f, 0f })];
        int[] labels = [.. Enumerable.Range(0, 1000).Select(i => i % 5 == 0 ? 1 : 0)];
        Assert.Equal(0.8, ProbeProbabilities.Calibrated(logits, labels)[0][0], 0.005);
        // A class that was not seen is not impossible.
        double[] unseen = ProbeProbabilities.Calibrated([[1, float.NegativeInfinity], [1, 0]], [1, 0])[0];
        Assert.True(unseen[1] > 0);
        Assert.Equal(1, unseen.Sum(), 1e-9);
    }

    [Fact]
    public void Labels_that_were_turned_look_wrong_and_others_do_not()
    {
        var random = new Random(5);
        int[] truth = [.. Enumerable.Range(0, 400).Select(i => i % 4)];
        bool[] turned = [.. truth.Select((_, i) => i % 10 == 3)];
        int[] labels = [.. truth.Select((label, i) => turned[i] ? (label + 1) % 4 : label)];
        double[][] probabilities = [.. truth.Select(label =>
        {
            double sure = 0.6 + (0.3 * random.NextDouble());
            return Enumerable.Range(0, 4).Select(other => other == label ? sure : (1 - sure) / 3).ToArray();
        })];
        bool[] found = ProbeProbabilities.Suspects(probabilities, labels);
        Assert.All(found.Zip(turned), pair => Assert.False(pair.First && !pair.Second));
        // Those of which another label is as likely as it is on average where it is right.
        Assert.InRange(found.Count(suspect => suspect), 0.4 * turned.Count(wrong => wrong), turned.Count(wrong => wrong));
    }

    [Theory]
    [InlineData(6, new[] { 0, 2, 4, 6 })]
    [InlineData(12, new[] { 0, 4, 8, 12 })]
    [InlineData(2, new[] { 0, 1, 2 })]
    [InlineData(1, new[] { 0, 1 })]
    public void Layers_are_probed_at_even_distances(int layers, int[] probed) => Assert.Equal(probed, LayerProbing.LayersOf(layers));
}
