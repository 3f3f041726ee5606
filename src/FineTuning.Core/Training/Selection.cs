namespace FineTuning.Training;

/// <summary>Which evaluation is the best, and when to stop waiting for a better one.</summary>
/// <param name="higherIsBetter">The metric's direction.</param>
/// <param name="stopping">Patience and minimal gain. Null: never stop.</param>
internal sealed class Selection(bool higherIsBetter, EarlyStopping? stopping)
{
    /// <summary>What is known so far.</summary>
    public SelectionValues Values { get; set; } = new(double.NaN, 0, double.NaN);

    /// <summary>Whether the patience is used up.</summary>
    public bool ShouldStop => stopping is not null && Values.Waited >= stopping.Patience;

    /// <summary>Takes a value; true where it is the best so far (the first of equals).</summary>
    public bool Observe(double value)
    {
        (double anchor, int waited, double best) = Values;
        if (double.IsNaN(anchor) || Gain(value, anchor) > (stopping?.MinimalGain ?? 0)) (anchor, waited) = (value, 0);
        else waited++;
        bool isBest = double.IsNaN(best) || Gain(value, best) > 0;
        Values = new(anchor, waited, isBest ? value : best);
        return isBest;
    }

    private double Gain(double value, double reference) => higherIsBetter ? value - reference : reference - value;
}

/// <summary>What <see cref="Selection"/> knows.</summary>
/// <param name="Anchor">The last value whose gain counted; NaN before the first.</param>
/// <param name="Waited">Evaluations since then.</param>
/// <param name="Best">The best value; NaN before the first.</param>
internal sealed record SelectionValues(double Anchor, int Waited, double Best);
