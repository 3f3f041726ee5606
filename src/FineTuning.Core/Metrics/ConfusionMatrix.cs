namespace FineTuning.Metrics;

/// <summary>How often each label was taken for each: rows are references, columns predictions.</summary>
/// <remarks>
/// Filled by one thread; a report's matrix no longer changes. It holds only what occurred, so that its memory grows with the rows that were counted and not
/// with the square of the labels.
/// </remarks>
public sealed class ConfusionMatrix
{
    private readonly Dictionary<(int Reference, int Predicted), double> _counts;
    private readonly double[] _rows;
    private readonly double[] _columns;

    /// <summary>Creates an empty matrix.</summary>
    /// <param name="labels">The labels' names in order.</param>
    public ConfusionMatrix(IReadOnlyList<string> labels)
    {
        ArgumentNullException.ThrowIfNull(labels);
        (Labels, _counts, _rows, _columns) = (labels, [], new double[labels.Count], new double[labels.Count]);
    }

    private ConfusionMatrix(ConfusionMatrix other)
    {
        (Labels, Total) = (other.Labels, other.Total);
        (_counts, _rows, _columns) = (new(other._counts), [.. other._rows], [.. other._columns]);
    }

    /// <summary>The labels' names in order.</summary>
    public IReadOnlyList<string> Labels { get; }

    /// <summary>The weight of rows of one label that were taken for another.</summary>
    /// <param name="reference">The index of the true label.</param>
    /// <param name="predicted">The index of the predicted label.</param>
    /// <exception cref="ArgumentOutOfRangeException">There is no label of that index.</exception>
    public double this[int reference, int predicted]
    {
        get
        {
            Check(reference, predicted);
            return _counts.GetValueOrDefault((reference, predicted));
        }
    }

    /// <summary>The weight of all rows.</summary>
    public double Total { get; private set; }

    /// <summary>Counts a row.</summary>
    /// <param name="reference">The index of the true label.</param>
    /// <param name="predicted">The index of the predicted label.</param>
    /// <param name="weight">How much it counts.</param>
    /// <exception cref="ArgumentOutOfRangeException">There is no label of that index.</exception>
    public void Add(int reference, int predicted, double weight = 1)
    {
        Check(reference, predicted);
        _counts[(reference, predicted)] = _counts.GetValueOrDefault((reference, predicted)) + weight;
        _rows[reference] += weight;
        _columns[predicted] += weight;
        Total += weight;
    }

    internal ConfusionMatrix Copy() => new(this);

    /// <summary>What was counted: reference, prediction and weight of each pair that occurred, in order.</summary>
    internal IEnumerable<(int Reference, int Predicted, double Weight)> Counted =>
        _counts.OrderBy(pair => pair.Key).Select(pair => (pair.Key.Reference, pair.Key.Predicted, pair.Value));

    internal double Row(int reference) => _rows[reference];

    internal double Column(int predicted) => _columns[predicted];

    private void Check(int reference, int predicted)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(reference);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(reference, Labels.Count);
        ArgumentOutOfRangeException.ThrowIfNegative(predicted);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(predicted, Labels.Count);
    }
}
