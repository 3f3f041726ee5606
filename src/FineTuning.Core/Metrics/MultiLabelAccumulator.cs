namespace FineTuning.Metrics;

/// <summary>Collects multi-label predictions batch by batch: counts only, never the outputs.</summary>
/// <remarks>For one thread.</remarks>
/// <param name="labels">The labels' names in order.</param>
/// <param name="threshold">The probability from which a label is given.</param>
public sealed class MultiLabelAccumulator(IReadOnlyList<string> labels, double threshold)
{
    private readonly IReadOnlyList<string> _labels = Present(labels);
    private readonly MultiLabelScores _scores = new(labels.Count);

    /// <summary>Counts a row.</summary>
    /// <param name="references">1 where the label holds, else 0.</param>
    /// <param name="probabilities">The probability of each label.</param>
    public void Add(ReadOnlySpan<float> references, ReadOnlySpan<float> probabilities)
    {
        MetricErrors.RequireLabels(references.Length, _labels.Count, nameof(references));
        MetricErrors.RequireLabels(probabilities.Length, _labels.Count, nameof(probabilities));
        bool[] truth = new bool[references.Length], given = new bool[references.Length];
        for (int i = 0; i < references.Length; i++) (truth[i], given[i]) = (references[i] >= 0.5f, probabilities[i] >= threshold);
        _scores.Add(truth, given);
    }

    /// <summary>The scores over all rows, by scikit-learn's definitions and defaults.</summary>
    /// <remarks>Macro averages go over all labels; one on neither side counts with 0, as scikit-learn has it for matrices of labels.</remarks>
    /// <param name="loss">The mean loss.</param>
    /// <exception cref="InvalidOperationException">No row was added.</exception>
    public MetricReport Report(double loss)
    {
        if (_scores.Rows == 0) throw MetricErrors.NothingAdded("row");
        IReadOnlyList<Hits> hits = _scores.Labels;
        double[] supports = [.. hits.Select(label => label.Support)];
        double[] f1 = [.. hits.Select(label => label.F(1, 0))];
        Hits all = hits.Aggregate(Hits.Add);
        MetricValue[] values =
        [
            MetricValue.Lower("loss", loss),
            MetricValue.Higher("f1_micro", all.F(1, 0)),
            MetricValue.Higher("f1_macro", Averaging.Macro(f1)),
            MetricValue.Higher("f1_weighted", Averaging.Weighted(f1, supports)),
            MetricValue.Higher("f1_samples", _scores.Samples(row => row.F(1, 0), 0)),
            MetricValue.Higher("precision_micro", all.Precision(0)),
            MetricValue.Higher("recall_micro", all.Recall(0)),
            MetricValue.Higher("subset_accuracy", _scores.SubsetAccuracy),
            MetricValue.Lower("hamming_loss", _scores.HammingLoss),
        ];
        return new(values, null, [.. hits.Select((label, i) => new ClassScores(_labels[i], label.Precision(0), label.Recall(0), f1[i], label.Support))]);
    }

    private static IReadOnlyList<string> Present(IReadOnlyList<string> labels)
    {
        Errors.NullMembers.RequireEntries(labels, nameof(labels));
        return labels;
    }
}

/// <summary>Counts of multi-label predictions, by scikit-learn's definitions.</summary>
internal sealed class MultiLabelScores(int labels)
{
    private readonly Hits[] _labels = new Hits[labels];
    private readonly Dictionary<Hits, long> _rows = [];
    private long _exact;

    public long Rows { get; private set; }

    public IReadOnlyList<Hits> Labels => _labels;

    public double SubsetAccuracy => (double)_exact / Rows;

    public double HammingLoss => _labels.Sum(label => label.FalsePositive + label.FalseNegative) / (Rows * (double)labels);

    public void Add(ReadOnlySpan<bool> references, ReadOnlySpan<bool> predictions)
    {
        var row = new Hits();
        for (int i = 0; i < references.Length; i++)
        {
            var hit = new Hits(references[i] && predictions[i] ? 1 : 0, !references[i] && predictions[i] ? 1 : 0, references[i] && !predictions[i] ? 1 : 0);
            _labels[i] += hit;
            row += hit;
        }
        // Rows of the same three counts have the same scores: the table is no larger than the labels allow, however many rows there are.
        _rows[row] = _rows.GetValueOrDefault(row) + 1;
        if (row is { FalsePositive: 0, FalseNegative: 0 }) _exact++;
        Rows++;
    }

    /// <summary>The mean of a score over rows; rows for which it is no number are left out.</summary>
    public double Samples(Func<Hits, double> score, double none)
    {
        double sum = 0;
        long count = 0;
        foreach ((Hits row, long times) in _rows)
        {
            double value = score(row);
            if (double.IsNaN(value)) continue;
            sum += value * times;
            count += times;
        }
        return count == 0 ? none : sum / count;
    }
}
