namespace FineTuning.Metrics;

/// <summary>Confidence against accuracy in bins of equal width, (lower, upper] (Guo et al. 2017, section 2).</summary>
internal sealed class CalibrationBins(int bins)
{
    private readonly double[] _confidence = new double[bins];
    private readonly double[] _right = new double[bins];
    private readonly long[] _count = new long[bins];

    public IReadOnlyList<long> Counts => _count;

    public IReadOnlyList<double> Accuracies => [.. _right.Select((right, i) => _count[i] == 0 ? double.NaN : right / _count[i])];

    public IReadOnlyList<double> Confidences => [.. _confidence.Select((sum, i) => _count[i] == 0 ? double.NaN : sum / _count[i])];

    public void Add(double confidence, bool right)
    {
        int bin = 0;
        while (bin < bins - 1 && confidence > (bin + 1) * (1.0 / bins)) bin++;
        _confidence[bin] += confidence;
        _right[bin] += right ? 1 : 0;
        _count[bin]++;
    }

    /// <summary>The mean distance between confidence and accuracy, weighted by rows (equation 3).</summary>
    public double ExpectedError
    {
        get
        {
            long total = _count.Sum();
            double error = 0;
            for (int i = 0; i < bins; i++)
            {
                if (_count[i] > 0) error += Math.Abs(_right[i] - _confidence[i]) / total;
            }
            return error;
        }
    }

    /// <summary>The largest distance of any bin that holds rows (equation 5).</summary>
    public double MaximumError => Enumerable.Range(0, bins).Where(i => _count[i] > 0).Max(i => Math.Abs(_right[i] - _confidence[i]) / _count[i]);
}
