namespace FineTuning.Training;

/// <summary>Which evaluation is the best, and when to stop waiting for a better one.</summary>
/// <param name="higherIsBetter">The metric's direction.</param>
/// <param name="stopping">Patience and minimal gain; null: never stop.</param>
internal sealed class Selection(bool higherIsBetter, EarlyStopping? stopping)
{
    private double _anchor = double.NaN;
    private int _waited;

    /// <summary>The best value so far; NaN before the first.</summary>
    public double Best { get; private set; } = double.NaN;

    /// <summary>Whether the patience is used up.</summary>
    public bool ShouldStop => stopping is not null && _waited >= stopping.Patience;

    /// <summary>Takes a value; true where it is the best so far (the first of equals).</summary>
    public bool Observe(double value)
    {
        if (double.IsNaN(_anchor) || Gain(value, _anchor) > (stopping?.MinimalGain ?? 0)) (_anchor, _waited) = (value, 0);
        else _waited++;
        if (!double.IsNaN(Best) && !(Gain(value, Best) > 0)) return false;
        Best = value;
        return true;
    }

    private double Gain(double value, double reference) => higherIsBetter ? value - reference : reference - value;
}
