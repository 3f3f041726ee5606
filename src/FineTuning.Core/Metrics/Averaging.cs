namespace FineTuning.Metrics;

/// <summary>True positives, false positives and false negatives of one label, or of all together.</summary>
internal readonly record struct Hits(double True, double FalsePositive, double FalseNegative)
{
    public double Support => True + FalseNegative;

    public double Precision(double zeroDivision) => Ratio(True, True + FalsePositive, zeroDivision);

    public double Recall(double zeroDivision) => Ratio(True, True + FalseNegative, zeroDivision);

    /// <summary>F-beta: (1 + b^2) tp / ((1 + b^2) tp + fp + b^2 fn) (van Rijsbergen 1979); the fallback only where the label occurs on neither side.</summary>
    public double F(double beta, double zeroDivision) =>
        Ratio((1 + (beta * beta)) * True, ((1 + (beta * beta)) * True) + FalsePositive + (beta * beta * FalseNegative), zeroDivision);

    public double Jaccard(double zeroDivision) => Ratio(True, True + FalsePositive + FalseNegative, zeroDivision);

    public static Hits operator +(Hits left, Hits right) =>
        new(left.True + right.True, left.FalsePositive + right.FalsePositive, left.FalseNegative + right.FalseNegative);

    public static Hits Add(Hits left, Hits right) => left + right;

    private static double Ratio(double part, double whole, double zeroDivision) => whole == 0 ? zeroDivision : part / whole;
}

/// <summary>Means over labels as scikit-learn takes them.</summary>
internal static class Averaging
{
    /// <summary>The plain mean of what is a number.</summary>
    public static double Macro(IEnumerable<double> values)
    {
        double sum = 0;
        int count = 0;
        foreach (double value in values.Where(value => !double.IsNaN(value)))
        {
            sum += value;
            count++;
        }
        return count == 0 ? double.NaN : sum / count;
    }

    /// <summary>The mean weighted by support; where what is left has none, the plain mean.</summary>
    public static double Weighted(IReadOnlyList<double> values, IReadOnlyList<double> supports)
    {
        double sum = 0, weight = 0;
        for (int i = 0; i < values.Count; i++)
        {
            if (double.IsNaN(values[i])) continue;
            sum += values[i] * supports[i];
            weight += supports[i];
        }
        return weight == 0 ? Macro(values) : sum / weight;
    }
}
