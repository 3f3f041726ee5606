namespace FineTuning.Metrics;

/// <summary>Collects single-label predictions batch by batch: counts only, never the outputs.</summary>
/// <remarks>For one thread.</remarks>
/// <param name="labels">The labels' names in order.</param>
public sealed class ClassificationAccumulator(IReadOnlyList<string> labels)
{
    // scikit-learn clips probabilities at the precision of a double: a certain mistake costs 36.04.
    private const double Smallest = 2.220446049250313e-16;

    private readonly ConfusionMatrix _matrix = new(labels);
    private readonly CalibrationBins _bins = new(15);
    private double _logLoss;
    private long _rows;

    /// <summary>Counts a row.</summary>
    /// <param name="reference">The index of the true label.</param>
    /// <param name="probabilities">The probability of each label.</param>
    public void Add(int reference, ReadOnlySpan<float> probabilities)
    {
        MetricErrors.RequireLabels(probabilities.Length, _matrix.Labels.Count, nameof(probabilities));
        ArgumentOutOfRangeException.ThrowIfNegative(reference);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(reference, _matrix.Labels.Count);
        if (probabilities.IsEmpty) throw new ArgumentException("there is no label", nameof(probabilities));
        int predicted = 0;
        for (int i = 1; i < probabilities.Length; i++)
        {
            if (probabilities[i] > probabilities[predicted]) predicted = i;
        }
        _matrix.Add(reference, predicted);
        _bins.Add(probabilities[predicted], predicted == reference);
        _logLoss -= Math.Log(Math.Clamp((double)probabilities[reference], Smallest, 1 - Smallest));
        _rows++;
    }

    /// <summary>The scores over all rows, by scikit-learn's definitions and defaults.</summary>
    /// <remarks>
    /// <c>f1_macro</c>, <c>precision_macro</c> and <c>recall_macro</c> are means over the labels that occur among references or predictions;
    /// a label on neither side is listed in <see cref="MetricReport.Classes"/> with 0 and counts in no mean. <c>mcc</c> is 0 where it is not defined.
    /// </remarks>
    /// <param name="loss">The mean loss.</param>
    /// <exception cref="InvalidOperationException">No row was added.</exception>
    public MetricReport Report(double loss)
    {
        if (_rows == 0) throw MetricErrors.NothingAdded("row");
        Hits[] hits = ClassificationScores.HitsOf(_matrix);
        // Labels on neither side are left out of means, as scikit-learn does where no list of labels is given.
        Hits[] present = [.. hits.Where(label => label.True + label.FalsePositive + label.FalseNegative > 0)];
        double[] f1 = [.. present.Select(label => label.F(1, 0))];
        MetricValue[] values =
        [
            MetricValue.Lower("loss", loss),
            MetricValue.Higher("accuracy", ClassificationScores.Accuracy(_matrix)),
            MetricValue.Higher("f1_macro", Averaging.Macro(f1)),
            MetricValue.Higher("f1_micro", hits.Aggregate(Hits.Add).F(1, 0)),
            MetricValue.Higher("f1_weighted", Averaging.Weighted(f1, [.. present.Select(label => label.Support)])),
            MetricValue.Higher("precision_macro", Averaging.Macro(present.Select(label => label.Precision(0)))),
            MetricValue.Higher("recall_macro", Averaging.Macro(present.Select(label => label.Recall(0)))),
            MetricValue.Higher("mcc", ClassificationScores.Matthews(_matrix)),
            MetricValue.Lower("log_loss", _logLoss / _rows),
            MetricValue.Lower("calibration_error", _bins.ExpectedError),
        ];
        ClassScores[] classes =
            [.. hits.Select((label, i) => new ClassScores(_matrix.Labels[i], label.Precision(0), label.Recall(0), label.F(1, 0), label.Support))];
        return new(values, _matrix.Copy(), classes);
    }
}
