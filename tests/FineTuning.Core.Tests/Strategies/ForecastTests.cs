using FineTuning.Metrics;
using FineTuning.Strategies;
using Xunit;

namespace FineTuning.Tests.Strategies;

/// <summary>Forecasts of learning curves: against curves that are known, and against draws from what a forecast assumes.</summary>
public sealed class ForecastTests
{
    public static TheoryData<string> Curves => new("power", "power behind a flat phase", "exponential", "logistic");

    [Theory]
    [MemberData(nameof(Curves))]
    public void A_known_curve_is_followed_and_its_family_counts(string family)
    {
        Func<double, double> error = family switch
        {
            "power" => n => 0.05 + (1.6 * Math.Pow(n, -0.5)),
            "power behind a flat phase" => n => 0.04 + (0.5 * Math.Pow(1 + (n / 400), -1)),
            "exponential" => n => 0.1 + (0.4 * Math.Exp(-n / 900)),
            _ => n => 0.06 + (0.5 / (1 + Math.Pow(n / 640, 1.5))),
        };
        // Measured nearly exactly.
        (double, double)[] points = [.. Enumerable.Range(0, 7).Select(i => 40 * Math.Pow(2, i)).Select(n => (n, error(n)))];
        ErrorForecast forecast = ErrorForecast.Of(points, (_, _, _) => 2e-3);
        Assert.Equal(1, forecast.Families.Values.Sum(), 1e-9);
        Assert.True(forecast.Families[family] > 0.2, string.Join(", ", forecast.Families));
        Assert.Equal(error(5120), forecast.Quantile(5120, 0.5), 0.012);
        Assert.Equal(error(2560 * 1.01), forecast.Quantile(2560 * 1.01, 0.5), 3e-3);
    }

    [Fact]
    public void Quantiles_rise_with_the_probability_and_widen_with_the_distance()
    {
        ErrorForecast forecast = ErrorForecast.Of([(100, 0.3), (400, 0.2), (1600, 0.15)], (_, error, _) => 0.05 * error);
        double Width(double rows) => forecast.Quantile(rows, 0.9) - forecast.Quantile(rows, 0.1);
        Assert.True(Width(1600) < Width(6400) && Width(6400) < Width(64000));
        double[] quantiles = [.. new[] { 0.05, 0.2, 0.5, 0.8, 0.95 }.Select(p => forecast.Quantile(3200, p))];
        Assert.Equal(quantiles.Order(), quantiles);
        Assert.All(quantiles, quantile => Assert.InRange(quantile, 0, 0.2));
        Assert.True(forecast.Quantile(6400, 0.5) < 0.15);
        // The error of more data is never negative.
        Assert.True(forecast.Quantile(1e9, 0.001) >= 0);
    }

    /// <summary>Of many curves that are as a forecast assumes, in noise too, eighty in a hundred outcomes lie in the interval of 80 %.</summary>
    [Fact]
    public void The_interval_holds_as_many_outcomes_as_it_says()
    {
        var random = new Random(5);
        double[] noises = [1, 2, 4, 8];
        int inside = 0, all = 400;
        for (int i = 0; i < all; i++)
        {
            double floor = 0.02 + (0.15 * random.NextDouble()), height = 0.15 + (0.35 * random.NextDouble()), power = 0.3 + (0.6 * random.NextDouble());
            if (Holds(n => floor + (height * Math.Pow(n / 50, -power)), noises[i % noises.Length], random)) inside++;
        }
        Assert.InRange(inside / (double)all, 0.7, 0.93);
    }

    public static TheoryData<string> OtherCurves => new("logarithm", "one by the logarithm", "stretched exponential", "two powers", "steps", "Gompertz");

    /// <summary>A forecast knows neither of these curves, nor how far runs differ: up to four times as far as is usual.</summary>
    [Theory]
    [MemberData(nameof(OtherCurves))]
    public void The_interval_holds_outcomes_of_curves_that_are_not_among_those_that_are_fitted(string family)
    {
        var random = new Random(11);
        int inside = 0, all = 200;
        for (int i = 0; i < all; i++)
        {
            if (Holds(OtherCurve(family, random), 4 * random.NextDouble(), random)) inside++;
        }
        Assert.InRange(inside / (double)all, 0.7, 1);
    }

    [Fact]
    public void The_interval_holds_outcomes_where_runs_differ_three_times_as_far_as_is_usual()
    {
        var random = new Random(12);
        string[] families = [.. OtherCurves.Select(row => row.Data)];
        int inside = 0, all = 300;
        for (int i = 0; i < all; i++)
        {
            if (Holds(OtherCurve(families[i % families.Length], random), 3, random)) inside++;
        }
        Assert.InRange(inside / (double)all, 0.7, 1);
    }

    // Whether the outcome at 3,200 rows is in the interval that 50, 200 and 800 rows give.
    private static bool Holds(Func<double, double> curve, double noise, Random random)
    {
        double Normal() => Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble());
        var scale = new ErrorScale(1);
        double Measure(double n) => Math.Clamp(curve(n) + (scale.Deviation(n, curve(n), 1000, noise) * Normal()), 0.001, 0.999);
        var stages = new StageCurve("accuracy", scale, [.. new[] { 50L, 200, 800 }.Select(n => (n, 1 - Measure(n)))], 1000);
        ForecastPoint point = new LearningForecast(stages, [], new IncrementalOptions()).At(3200);
        double outcome = 1 - Measure(3200);
        return outcome >= point.Low && outcome <= point.High;
    }

    private static Func<double, double> OtherCurve(string family, Random random)
    {
        double Between(double low, double high) => low + ((high - low) * random.NextDouble());
        double floor = Between(0.02, 0.15), height = Between(0.2, 0.6), middle = 50 * Math.Pow(60, random.NextDouble());
        switch (family)
        {
            case "logarithm":
                double slope = Between(0.03, 0.07);
                return n => Math.Max(0.02, height + 0.2 - (slope * Math.Log(n / 50)));
            case "one by the logarithm":
                double factor = Between(0.6, 1.8);
                return n => Math.Min(0.9, floor + (factor / Math.Log(n)) - (factor / Math.Log(1e6)));
            case "stretched exponential":
                double stretch = Between(0.35, 0.65);
                return n => floor + (height * Math.Exp(-Math.Pow(n / middle, stretch)));
            case "two powers":
                double slow = Between(0.15, 0.35), fast = Between(0.7, 1.4), share = Between(0.3, 0.7);
                return n => floor + (height * ((share * Math.Pow(n / 50, -slow)) + ((1 - share) * Math.Pow(n / 50, -fast))));
            case "steps":
                // Four things are learned, each at its own number of rows.
                (double Height, double Middle)[] steps =
                    [.. Enumerable.Range(0, 4).Select(_ => (Between(0.05, 0.17), 50 * Math.Pow(400, random.NextDouble())))];
                return n => floor + steps.Sum(step => step.Height / (1 + Math.Pow(n / step.Middle, 2.5)));
            default:
                double steepness = Between(0.6, 1.4);
                return n => floor + (height * (1 - Math.Exp(-Math.Exp(-steepness * Math.Log(n / middle)))));
        }
    }

    [Fact]
    public void Whether_to_label_more_is_said_in_points_and_in_money()
    {
        var curve = new StageCurve("accuracy", new ErrorScale(1), [(100, 0.70), (400, 0.80), (1600, 0.86)], 1000);
        var forecast = new LearningForecast(curve, [], new IncrementalOptions { PricePerLabel = 0.5m, ValuePerPoint = 1_000_000m });
        Assert.Equal((1600, 0.86), forecast.Now);
        Assert.Equal(3200, forecast.Twice.Rows);
        Assert.Equal(8000, forecast.FiveTimes.Rows);
        Assert.Equal(800m, forecast.Cost(forecast.Twice));
        Assert.Equal(100 * (forecast.Twice.Expected - 0.86), forecast.PointsGained(forecast.Twice), 1e-9);
        Assert.True(forecast.PointsGained(forecast.Twice) > 0.3 && forecast.PointsGained(forecast.FiveTimes) > forecast.PointsGained(forecast.Twice));
        Assert.True(forecast.IsWorth(forecast.Twice));
        Assert.Contains("for 800.00: worth it", forecast.ToString(), StringComparison.Ordinal);
        Assert.False(new LearningForecast(curve, [], new IncrementalOptions { PricePerLabel = 0.5m, ValuePerPoint = 1 }).IsWorth(forecast.Twice));
        Assert.Null(new LearningForecast(curve, [], new IncrementalOptions { PricePerLabel = 0.5m }).IsWorth(forecast.Twice));
        Assert.Null(new LearningForecast(curve, [], new IncrementalOptions()).Cost(forecast.Twice));
        Assert.Throws<ArgumentOutOfRangeException>(() => forecast.At(0));
    }

    [Fact]
    public void Losses_and_scores_of_a_hundred_are_errors_too()
    {
        var loss = new LearningForecast(new StageCurve("perplexity", ErrorScale.Of(MetricDirection.Lower, [30, 18, 12])!.Value, [(100, 30), (400, 18), (1600, 12)], 500), [], new IncrementalOptions());
        Assert.True(loss.Twice.Expected < 12 && loss.Twice.High < loss.Twice.Low);
        Assert.True(loss.PointsGained(loss.Twice) > 0);
        var bleu = new LearningForecast(new StageCurve("bleu", ErrorScale.Of(MetricDirection.Higher, [10, 25, 35])!.Value, [(100, 10), (400, 25), (1600, 35)], 500), [], new IncrementalOptions());
        Assert.InRange(bleu.Twice.Expected, 35, 60);
        Assert.Null(ErrorScale.Of(MetricDirection.Neither, [1]));
        Assert.Null(ErrorScale.Of(MetricDirection.Higher, [1000]));
        Assert.Null(ErrorScale.Of(MetricDirection.Lower, [-1]));
        Assert.Null(ErrorScale.Of(MetricDirection.Higher, [double.NaN]));
    }

    [Fact]
    public void The_normal_distribution_is_right()
    {
        foreach ((double x, double p) in new[] { (0.0, 0.5), (1, 0.8413447461), (-1, 0.1586552539), (1.2815515655, 0.9), (-3, 0.0013498980) })
            Assert.Equal(p, ErrorForecast.NormalDistribution(x), 1e-7);
    }

    [Fact]
    public void Parts_are_nested_and_stratified()
    {
        string?[] strata = [.. Enumerable.Range(0, 300).Select(i => i % 10 == 0 ? "rare" : i % 3 == 0 ? "some" : null)];
        int[] order = NestedParts.Order(strata, 3);
        Assert.Equal(Enumerable.Range(0, 300), order.Order());
        Assert.Equal(order, NestedParts.Order(strata, 3));
        Assert.NotEqual(order, NestedParts.Order(strata, 4));
        foreach (int size in new[] { 20, 50, 100, 173, 300 })
        {
            foreach (string? kind in new[] { "rare", "some", null })
            {
                double expected = size * strata.Count(stratum => stratum == kind) / 300.0;
                Assert.InRange(order.Take(size).Count(index => strata[index] == kind), expected - 1, expected + 1);
            }
        }
        Assert.Equal([63, 250, 1000], NestedParts.Sizes(1000, 4, 50));
        Assert.Equal([1000], NestedParts.Sizes(1000, 4, 500));
        Assert.Equal([3], NestedParts.Sizes(3, 4, 50));
    }
}
