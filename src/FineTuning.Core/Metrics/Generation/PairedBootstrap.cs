using FineTuning.Errors;

namespace FineTuning.Metrics;

/// <summary>Two systems compared on the same texts.</summary>
/// <param name="Baseline">The baseline's score over all texts.</param>
/// <param name="System">The other's.</param>
/// <param name="BaselineResamples">The baseline's score on each resample.</param>
/// <param name="SystemResamples">The other's.</param>
/// <param name="PValue">How likely a difference as large as that is by chance, if there is none.</param>
public sealed record BootstrapComparison(double Baseline, double System, IReadOnlyList<double> BaselineResamples,
    IReadOnlyList<double> SystemResamples, double PValue);

/// <summary>Scores on texts drawn again, with replacement (Koehn 2004), computed from each text's counts.</summary>
public static class PairedBootstrap
{
    // A list costs as much as some eight indices.
    private const long MostIndices = 1 << 26, OfAList = 8;

    /// <summary>Compares two systems on given resamples.</summary>
    /// <param name="metric">The metric.</param>
    /// <param name="baseline">What <see cref="CorpusMetric.Statistics"/> gave for each text of the baseline.</param>
    /// <param name="system">The same of the other system, for the same texts.</param>
    /// <param name="resamples">The texts of each resample by index.</param>
    /// <returns>
    /// p = (#{ d_i - mean(d) > D } + 1) / (n + 1) with d_i the size of the difference on resample i and D that on all
    /// texts (Riezler and Maxwell 2005, section 4.3).
    /// </returns>
    /// <exception cref="ArgumentException">There is no text or no resample, not as many texts, or an index is out of range.</exception>
    public static BootstrapComparison Compare(
        CorpusMetric metric, IReadOnlyList<IReadOnlyList<double>> baseline, IReadOnlyList<IReadOnlyList<double>> system,
        IReadOnlyList<IReadOnlyList<int>> resamples)
    {
        ArgumentNullException.ThrowIfNull(metric);
        NullMembers.RequireEntries(baseline, nameof(baseline));
        NullMembers.RequireEntries(system, nameof(system));
        NullMembers.RequireEntries(resamples, nameof(resamples));
        if (baseline.Count == 0 || baseline.Count != system.Count)
            throw new ArgumentException(
                $"there are {baseline.Count} texts of the baseline and {system.Count} of the system; it takes the same texts, one or more", nameof(system));
        MetricErrors.RequireResamples(resamples);
        int[] all = [.. Enumerable.Range(0, baseline.Count)];
        (double first, double second) = (Score(metric, baseline, all), Score(metric, system, all));
        double[] firsts = [.. resamples.Select(rows => Score(metric, baseline, rows))], seconds = [.. resamples.Select(rows => Score(metric, system, rows))];
        double[] differences = [.. firsts.Zip(seconds, (one, other) => Math.Abs(other - one))];
        double mean = differences.Average(), difference = Math.Abs(second - first);
        double p = (differences.Count(value => value - mean > difference) + 1.0) / (resamples.Count + 1);
        return new(first, second, firsts, seconds, p);
    }

    /// <summary>The interval that holds a share of the scores on resamples: its ends are percentiles (Efron 1979).</summary>
    /// <param name="metric">The metric.</param>
    /// <param name="statistics">What <see cref="CorpusMetric.Statistics"/> gave for each text.</param>
    /// <param name="resamples">The texts of each resample by index.</param>
    /// <param name="share">Above 0 and below 1, for example 0.95.</param>
    public static (double Low, double High) Interval(CorpusMetric metric, IReadOnlyList<IReadOnlyList<double>> statistics,
        IReadOnlyList<IReadOnlyList<int>> resamples, double share = 0.95)
    {
        ArgumentNullException.ThrowIfNull(metric);
        NullMembers.RequireEntries(statistics, nameof(statistics));
        NullMembers.RequireEntries(resamples, nameof(resamples));
        MetricErrors.RequireResamples(resamples);
        if (share is not (> 0 and < 1)) throw new ArgumentOutOfRangeException(nameof(share), share, "it is above 0 and below 1");
        double[] scores = [.. resamples.Select(rows => Score(metric, statistics, rows)).Order()];
        double tail = (1 - share) / 2;
        return (scores[(int)(tail * (scores.Length - 1))], scores[(int)Math.Ceiling((1 - tail) * (scores.Length - 1))]);
    }

    /// <summary>Resamples by a seed: the same everywhere.</summary>
    /// <param name="texts">How many texts there are, 1 or more.</param>
    /// <param name="count">How many resamples are drawn, 1 or more; at most 67,108,864 indices in all, where each resample counts as eight more.</param>
    /// <param name="seed">Any.</param>
    /// <exception cref="ArgumentOutOfRangeException">A number is out of range.</exception>
    public static IReadOnlyList<IReadOnlyList<int>> Draw(int texts, int count, long seed)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(texts);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(count);
        if ((texts + OfAList) * count > MostIndices)
            throw new ArgumentOutOfRangeException(
                nameof(count), count, $"{count:N0} resamples of {texts:N0} texts are more than {MostIndices:N0} indices");
        ulong state = (ulong)seed;
        return [.. Enumerable.Range(0, count)
            .Select(_ => (IReadOnlyList<int>)[.. Enumerable.Range(0, texts).Select(_ => (int)(((Next(ref state) >> 32) * (ulong)texts) >> 32))])];
    }

    private static double Score(CorpusMetric metric, IReadOnlyList<IReadOnlyList<double>> statistics, IReadOnlyList<int> rows)
    {
        if (rows.Count == 0) throw new ArgumentException("a resample is empty; it has as many texts as there are", nameof(rows));
        double[]? sums = null;
        foreach (int row in rows)
        {
            if (row < 0 || row >= statistics.Count)
                throw new ArgumentException($"a resample names text {row}; there are {statistics.Count}, counted from 0", nameof(rows));
            sums ??= new double[statistics[row].Count];
            if (statistics[row].Count != sums.Length)
                throw new ArgumentException($"text {row} has {statistics[row].Count} counts, another {sums.Length}; all are of one metric", nameof(statistics));
            for (int i = 0; i < sums.Length; i++) sums[i] += statistics[row][i];
        }
        return metric.Score(sums!);
    }

    // splitmix64 (Steele, Lea and Flood 2014).
    private static ulong Next(ref ulong state)
    {
        ulong value = state += 0x9E3779B97F4A7C15;
        value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9;
        value = (value ^ (value >> 27)) * 0x94D049BB133111EB;
        return value ^ (value >> 31);
    }
}
