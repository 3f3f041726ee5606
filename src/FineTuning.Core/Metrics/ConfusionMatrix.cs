namespace FineTuning.Metrics;

/// <summary>How often each label was taken for each: rows are references, columns predictions.</summary>
/// <remarks>Filled by one thread; a report's matrix no longer changes.</remarks>
public sealed class ConfusionMatrix
{
    private readonly double[,] _counts;

    /// <summary>Creates an empty matrix.</summary>
    /// <param name="labels">The labels' names in order.</param>
    public ConfusionMatrix(IReadOnlyList<string> labels)
    {
        ArgumentNullException.ThrowIfNull(labels);
        Labels = labels;
        _counts = new double[labels.Count, labels.Count];
    }

    /// <summary>The labels' names in order.</summary>
    public IReadOnlyList<string> Labels { get; }

    /// <summary>The weight of rows of one label that were taken for another.</summary>
    /// <param name="reference">The place of the true label.</param>
    /// <param name="predicted">The place of the predicted label.</param>
    public double this[int reference, int predicted] => _counts[reference, predicted];

    /// <summary>The weight of all rows.</summary>
    public double Total
    {
        get
        {
            double total = 0;
            foreach (double count in _counts) total += count;
            return total;
        }
    }

    /// <summary>Counts a row.</summary>
    /// <param name="reference">The place of the true label.</param>
    /// <param name="predicted">The place of the predicted label.</param>
    /// <param name="weight">How much it counts.</param>
    public void Add(int reference, int predicted, double weight = 1) => _counts[reference, predicted] += weight;

    internal ConfusionMatrix Copy()
    {
        var copy = new ConfusionMatrix(Labels);
        Array.Copy(_counts, copy._counts, _counts.Length);
        return copy;
    }

    internal double Row(int reference)
    {
        double sum = 0;
        for (int i = 0; i < Labels.Count; i++) sum += _counts[reference, i];
        return sum;
    }

    internal double Column(int predicted)
    {
        double sum = 0;
        for (int i = 0; i < Labels.Count; i++) sum += _counts[i, predicted];
        return sum;
    }
}
