namespace FineTuning.Training;

/// <summary>Which evaluation is the best, and when to stop waiting for a better one.</summary>
/// <param name="higherIsBetter">The metric's direction.</param>
/// <param name="stopping">Patience, minimal gain and smoothing. Null: never stop.</param>
internal sealed class Selection(bool higherIsBetter, EarlyStopping? stopping)
{
    /// <summary>What is known so far.</summary>
    public SelectionValues Values { get; set; } = new(double.NaN, 0, double.NaN);

    /// <summary>Whether the patience is used up.</summary>
    public bool ShouldStop => stopping is not null && Values.Waited >= stopping.Patience;

    /// <summary>Takes a value; true where it is the best so far (the first of equals). Patience waits for the smoothed curve.</summary>
    public bool Observe(double value)
    {
        (double anchor, int waited, double best) = (Values.Anchor, Values.Waited, Values.Best);
        ExponentialMean mean = new ExponentialMean(stopping?.Smoothing ?? 0, Values.Mean, Values.Weight).With(value);
        // Also where the metric was infinite before.
        double smoothed = mean.Kept == 0 ? value : mean.Value;
        if (double.IsNaN(anchor) || Gain(smoothed, anchor) > (stopping?.MinimalGain ?? 0)) (anchor, waited) = (smoothed, 0);
        else waited++;
        bool isBest = double.IsNaN(best) || Gain(value, best) > 0;
        Values = new(anchor, waited, isBest ? value : best, mean.Sum, mean.Weight);
        return isBest;
    }

    /// <summary>Whether one value is better than another.</summary>
    public bool IsBetter(double value, double reference) => Gain(value, reference) > 0;

    private double Gain(double value, double reference) => higherIsBetter ? value - reference : reference - value;
}

/// <summary>What <see cref="Selection"/> knows.</summary>
/// <param name="Anchor">The last smoothed value whose gain counted; NaN before the first.</param>
/// <param name="Waited">Evaluations since then.</param>
/// <param name="Best">The best value; NaN before the first.</param>
/// <param name="Mean">The exponential sum of the values.</param>
/// <param name="Weight">And of their weights.</param>
internal sealed record SelectionValues(double Anchor, int Waited, double Best, double Mean = 0, double Weight = 0);
