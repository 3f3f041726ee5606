namespace FineTuning.Training;

internal sealed record PlateauSchedule(Warmup Climbing, double Multiplier, int Patience, double Threshold, double Minimum) : Schedule(Climbing)
{
    // The part that depends on evaluations is the run's: see PlateauState.
    private protected override double Proper(long step, long total, long climb) => 1;

    internal override void CollectViolations(List<string> violations)
    {
        base.CollectViolations(violations);
        Fraction(Minimum, "minimum", violations);
        Fraction(Threshold, "threshold", violations);
        if (Multiplier is not (> 0 and < 1)) violations.Add($"the schedule's factor is {Multiplier}: it is above 0 and below 1");
        if (Patience < 0) violations.Add($"the schedule's patience is {Patience}: it is 0 or more");
    }
}

/// <summary>How far a plateau schedule has fallen in one run; PyTorch's rule with a relative threshold.</summary>
internal sealed class PlateauState(PlateauSchedule schedule, bool higherIsBetter)
{
    // A difference below this is rounding, and the rate stays as it is.
    private const double SmallestChange = 1e-8;
    private double _best = higherIsBetter ? double.NegativeInfinity : double.PositiveInfinity;
    private int _waited;

    /// <summary>What the schedule's factor is multiplied by.</summary>
    public double Factor { get; private set; } = 1;

    public void Observe(double value)
    {
        bool better = higherIsBetter ? value > _best * (1 + schedule.Threshold) || double.IsNegativeInfinity(_best) : value < _best * (1 - schedule.Threshold);
        if (better) (_best, _waited) = (value, 0);
        else _waited++;
        if (_waited <= schedule.Patience) return;
        double lowered = Math.Max(Factor * schedule.Multiplier, schedule.Minimum);
        if (Factor - lowered > SmallestChange) Factor = lowered;
        _waited = 0;
    }
}
