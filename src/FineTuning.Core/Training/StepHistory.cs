namespace FineTuning.Training;

/// <summary>The steps of a run that are kept: the first and the last, and a bounded number between them at equal distances.</summary>
/// <remarks>The smoothed loss of each is taken over all steps, kept or not.</remarks>
internal sealed class StepHistory
{
    /// <summary>How many steps are kept at most, the last not counted.</summary>
    public const int Capacity = 4096;

    // Over about twenty steps: single batches jump too much to be read.
    private const double Kept = 0.9;
    private readonly List<StepRecord> _steps = [];
    private readonly List<double> _smoothed = [];
    private long _stride = 1, _count;
    private ExponentialMean _mean = new(Kept);
    private StepRecord _last;

    /// <summary>The last step; null before the first.</summary>
    public StepRecord? Last => _count == 0 ? null : _last;

    private bool KeepsLast => (_count - 1) % _stride == 0;

    public void Add(StepRecord step)
    {
        _mean = _mean.With(step.Loss);
        _last = step;
        _count++;
        if (!KeepsLast) return;
        _steps.Add(step);
        _smoothed.Add(_mean.Value);
        if (_steps.Count < Capacity) return;
        // Full: every second goes, and from now on half as many are kept.
        _stride *= 2;
        int half = 0;
        for (int i = 0; i < _steps.Count; i += 2) (_steps[half], _smoothed[half++]) = (_steps[i], _smoothed[i]);
        _steps.RemoveRange(half, _steps.Count - half);
        _smoothed.RemoveRange(half, _smoothed.Count - half);
    }

    /// <summary>What is kept, the last step included.</summary>
    public HistoryValues Values()
    {
        // A list as long as the run keeps its last step anyway.
        bool ends = _count == 0 || (_steps.Count > 0 && _steps[^1].Step == _last.Step);
        return new(
            ends ? [.. _steps] : [.. _steps, _last], ends ? [.. _smoothed] : [.. _smoothed, _mean.Value], _count, _stride, _mean.Sum, _mean.Weight);
    }

    /// <summary>Goes on from a history that was kept.</summary>
    public static StepHistory From(HistoryValues values)
    {
        var history = new StepHistory { _stride = values.Stride, _count = values.Count, _mean = new(Kept, values.Mean, values.Weight) };
        if (values.Count == 0) return history;
        history._last = values.Steps[^1];
        int kept = values.Steps.Count - (history.KeepsLast || values.Steps.Count == 0 ? 0 : 1);
        history._steps.AddRange(values.Steps.Take(kept));
        history._smoothed.AddRange(values.SmoothedLoss.Take(kept));
        return history;
    }
}

/// <summary>A thinned history as a value.</summary>
/// <param name="Steps">The kept steps, the last included.</param>
/// <param name="SmoothedLoss">The smoothed loss at each.</param>
/// <param name="Count">How many steps there were.</param>
/// <param name="Stride">The distance of kept steps.</param>
/// <param name="Mean">The exponential sum of the losses.</param>
/// <param name="Weight">And of their weights.</param>
internal sealed record HistoryValues(IReadOnlyList<StepRecord> Steps, IReadOnlyList<double> SmoothedLoss, long Count, long Stride, double Mean, double Weight);
