namespace FineTuning.Training;

/// <summary>An exponential mean without the bias of its beginning at 0.</summary>
/// <param name="Kept">The share of the mean so far that stays with each value, from 0 to below 1.</param>
/// <param name="Sum">The weighed sum of the values.</param>
/// <param name="Weight">The sum of their weights.</param>
internal readonly record struct ExponentialMean(double Kept, double Sum = 0, double Weight = 0)
{
    /// <summary>The mean; NaN before the first value.</summary>
    public double Value => Sum / Weight;

    /// <summary>With one value more.</summary>
    public ExponentialMean With(double value) => this with { Sum = (Kept * Sum) + ((1 - Kept) * value), Weight = (Kept * Weight) + (1 - Kept) };
}
