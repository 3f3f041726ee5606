using System.Globalization;

namespace FineTuning.Metrics;

/// <summary>Scores of regression by scikit-learn's and SciPy's definitions; sums are taken in two passes, so a large offset costs no digits.</summary>
internal static class RegressionScores
{
    /// <summary>Why a score is not defined for a single row.</summary>
    public const string TooFewRows = "it needs two rows or more";

    /// <summary>Why a correlation is not defined. Null: it is.</summary>
    public static string? WhyUndefined(IReadOnlyList<double> references, IReadOnlyList<double> predictions)
    {
        if (references.Count < 2) return TooFewRows;
        if (references.Concat(predictions).Any(value => !double.IsFinite(value))) return "a number is not finite";
        if (IsConstant(references)) return string.Create(CultureInfo.InvariantCulture, $"all references are {references[0]:R}");
        return IsConstant(predictions) ? string.Create(CultureInfo.InvariantCulture, $"all predictions are {predictions[0]:R}") : null;
    }

    /// <summary>Pearson's correlation; NaN where it is not defined.</summary>
    public static double PearsonOrNaN(IReadOnlyList<double> x, IReadOnlyList<double> y) => x.Count < 2 ? double.NaN : Pearson(x, y);

    public static double MeanSquaredError(IReadOnlyList<double> references, IReadOnlyList<double> predictions) =>
        Errors(references, predictions).Average(error => error * error);

    public static double MeanAbsoluteError(IReadOnlyList<double> references, IReadOnlyList<double> predictions) =>
        Errors(references, predictions).Average(Math.Abs);

    public static double MaximumError(IReadOnlyList<double> references, IReadOnlyList<double> predictions) => Errors(references, predictions).Max(Math.Abs);

    public static double MedianAbsoluteError(IReadOnlyList<double> references, IReadOnlyList<double> predictions)
    {
        double[] sorted = [.. Errors(references, predictions).Select(Math.Abs).Order()];
        int middle = sorted.Length / 2;
        return sorted.Length % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
    }

    /// <summary>1 - sum (y - p)^2 / sum (y - mean)^2; NaN for a single row; without spread 1 or 0, or not finite where that is asked for.</summary>
    public static double R2(IReadOnlyList<double> references, IReadOnlyList<double> predictions, bool forceFinite)
    {
        if (references.Count < 2) return double.NaN;
        return Explained(Errors(references, predictions).Sum(error => error * error), Spread(references), forceFinite);
    }

    /// <summary>1 - variance of the errors / variance of the references.</summary>
    public static double ExplainedVariance(IReadOnlyList<double> references, IReadOnlyList<double> predictions) =>
        Explained(Spread([.. Errors(references, predictions)]), Spread(references), forceFinite: true);

    public static double Pearson(IReadOnlyList<double> x, IReadOnlyList<double> y)
    {
        if (x.Count < 2) throw new ArgumentException("a correlation needs two rows or more", nameof(x));
        if (IsConstant(x) || IsConstant(y)) return double.NaN;
        (double meanX, double meanY) = (x.Average(), y.Average());
        double normX = Norm(x, meanX), normY = Norm(y, meanY), sum = 0;
        for (int i = 0; i < x.Count; i++) sum += (x[i] - meanX) / normX * ((y[i] - meanY) / normY);
        return Math.Clamp(sum, -1, 1);
    }

    /// <summary>Pearson's correlation of ranks; tied values share their mean rank.</summary>
    public static double Spearman(IReadOnlyList<double> x, IReadOnlyList<double> y) => x.Count < 2 ? double.NaN : Pearson(Ranks(x), Ranks(y));

    /// <summary>Kendall's tau-b: (concordant - discordant) / sqrt((n0 - ties of x) (n0 - ties of y)) (Kendall 1945).</summary>
    public static double KendallB(IReadOnlyList<double> x, IReadOnlyList<double> y)
    {
        (double difference, double pairs, double tiesX, double tiesY) = Pairs(x, y);
        double denominator = Math.Sqrt(pairs - tiesX) * Math.Sqrt(pairs - tiesY);
        return denominator == 0 ? double.NaN : difference / denominator;
    }

    /// <summary>Stuart's tau-c: 2 (concordant - discordant) / (n^2 (m - 1) / m), m the smaller number of distinct values.</summary>
    public static double KendallC(IReadOnlyList<double> x, IReadOnlyList<double> y)
    {
        (double difference, double pairs, double tiesX, double tiesY) = Pairs(x, y);
        if (pairs == 0 || tiesX == pairs || tiesY == pairs) return double.NaN;
        double least = Math.Min(x.Distinct().Count(), y.Distinct().Count());
        return 2 * difference / ((double)x.Count * x.Count * (least - 1) / least);
    }

    private static IEnumerable<double> Errors(IReadOnlyList<double> references, IReadOnlyList<double> predictions)
    {
        if (references.Count != predictions.Count) throw new ArgumentException($"{references.Count} references and {predictions.Count} predictions");
        if (references.Count == 0) throw new ArgumentException("there are no rows");
        return references.Zip(predictions, (reference, predicted) => reference - predicted);
    }

    private static double Explained(double unexplained, double total, bool forceFinite)
    {
        if (total != 0) return 1 - (unexplained / total);
        if (forceFinite) return unexplained == 0 ? 1 : 0;
        return unexplained == 0 ? double.NaN : double.NegativeInfinity;
    }

    private static double Spread(IReadOnlyList<double> values)
    {
        double mean = values.Average();
        return values.Sum(value => (value - mean) * (value - mean));
    }

    private static bool IsConstant(IReadOnlyList<double> values) => values.All(value => value == values[0]);

    private static double Norm(IReadOnlyList<double> values, double mean) => Math.Sqrt(values.Sum(value => (value - mean) * (value - mean)));

    private static double[] Ranks(IReadOnlyList<double> values)
    {
        int[] order = [.. Enumerable.Range(0, values.Count).OrderBy(i => values[i])];
        var ranks = new double[values.Count];
        for (int start = 0; start < order.Length;)
        {
            int end = start;
            while (end + 1 < order.Length && values[order[end + 1]] == values[order[start]]) end++;
            for (int i = start; i <= end; i++) ranks[order[i]] = ((start + end) / 2.0) + 1;
            start = end + 1;
        }
        return ranks;
    }

    private static (double Difference, double Pairs, double TiesX, double TiesY) Pairs(IReadOnlyList<double> x, IReadOnlyList<double> y)
    {
        double difference = 0, tiesX = 0, tiesY = 0;
        for (int i = 0; i < x.Count; i++)
        {
            for (int j = 0; j < i; j++)
            {
                (int a, int b) = (x[i].CompareTo(x[j]), y[i].CompareTo(y[j]));
                difference += Math.Sign(a) * Math.Sign(b);
                if (a == 0) tiesX++;
                if (b == 0) tiesY++;
            }
        }
        return (difference, x.Count * (x.Count - 1) / 2.0, tiesX, tiesY);
    }
}
