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
    /// <param name="reference">The place of the true label.</param>
    /// <param name="probabilities">The probability of each label.</param>
    public void Add(int reference, ReadOnlySpan<float> probabilities)
    {
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

    /// <summary>The scores over all rows.</summary>
    /// <param name="loss">The mean loss.</param>
    /// <exception cref="InvalidOperationException">No row was added.</exception>
    public MetricReport Report(double loss)
    {
        if (_rows == 0) throw new InvalidOperationException("there is nothing to evaluate: no row was added");
        Hits[] hits = ClassificationScores.HitsOf(_matrix);
        double[] supports = [.. hits.Select(label => label.Support)];
        double[] f1 = [.. hits.Select(label => label.F(1, 0))];
        KeyValuePair<string, double>[] values =
        [
            new("loss", loss),
            new("accuracy", ClassificationScores.Accuracy(_matrix)),
            new("f1_macro", Averaging.Macro(f1)),
            new("f1_micro", hits.Aggregate(Hits.Add).F(1, 0)),
            new("f1_weighted", Averaging.Weighted(f1, supports)),
            new("precision_macro", Averaging.Macro(hits.Select(label => label.Precision(0)))),
            new("recall_macro", Averaging.Macro(hits.Select(label => label.Recall(0)))),
            new("mcc", ClassificationScores.Matthews(_matrix)),
            new("log_loss", _logLoss / _rows),
            new("calibration_error", _bins.ExpectedError),
        ];
        ClassScores[] classes = [.. hits.Select((label, i) => new ClassScores(_matrix.Labels[i], label.Precision(0), label.Recall(0), f1[i], label.Support))];
        return new(values, _matrix.Copy(), classes);
    }
}
