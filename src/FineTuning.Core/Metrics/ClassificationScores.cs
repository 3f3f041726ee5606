namespace FineTuning.Metrics;

/// <summary>Scores of single-label classification from counts alone, by scikit-learn's definitions.</summary>
internal static class ClassificationScores
{
    public static Hits[] HitsOf(ConfusionMatrix matrix) =>
        [.. Enumerable.Range(0, matrix.Labels.Count).Select(i => new Hits(matrix[i, i], matrix.Column(i) - matrix[i, i], matrix.Row(i) - matrix[i, i]))];

    public static double Accuracy(ConfusionMatrix matrix)
    {
        double right = 0;
        for (int i = 0; i < matrix.Labels.Count; i++) right += matrix[i, i];
        return right / matrix.Total;
    }

    /// <summary>Matthews' correlation for any number of classes (Gorodkin 2004, equation 8); 0 where it is not defined.</summary>
    public static double Matthews(ConfusionMatrix matrix)
    {
        double total = matrix.Total, right = 0, products = 0, references = 0, predictions = 0;
        for (int i = 0; i < matrix.Labels.Count; i++)
        {
            (double row, double column) = (matrix.Row(i), matrix.Column(i));
            right += matrix[i, i];
            products += row * column;
            references += row * row;
            predictions += column * column;
        }
        double denominator = Math.Sqrt(((total * total) - predictions) * ((total * total) - references));
        return denominator == 0 ? 0 : ((right * total) - products) / denominator;
    }

    /// <summary>Cohen's kappa; the weight of a confusion is 1, |i - j| or (i - j)^2 (Cohen 1968); NaN where chance explains everything.</summary>
    public static double Kappa(ConfusionMatrix matrix, Func<int, int, double> weight)
    {
        double total = matrix.Total, observed = 0, expected = 0;
        for (int i = 0; i < matrix.Labels.Count; i++)
        {
            for (int j = 0; j < matrix.Labels.Count; j++)
            {
                observed += weight(i, j) * matrix[i, j];
                expected += weight(i, j) * matrix.Row(i) * matrix.Column(j) / total;
            }
        }
        return expected == 0 ? double.NaN : 1 - (observed / expected);
    }

    /// <summary>The mean recall of the labels that occur among the references.</summary>
    public static double BalancedAccuracy(ConfusionMatrix matrix, bool adjusted)
    {
        double[] recalls = [.. HitsOf(matrix).Where(hits => hits.Support > 0).Select(hits => hits.Recall(0))];
        double score = recalls.Average();
        if (!adjusted) return score;
        double chance = 1.0 / recalls.Length;
        return (score - chance) / (1 - chance);
    }
}
