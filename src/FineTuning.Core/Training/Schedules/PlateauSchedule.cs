namespace FineTuning.Training;

internal sealed record PlateauSchedule(Warmup Warmup, double Multiplier, int Patience, double Threshold, double Minimum) : Schedule(Warmup)
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

    /// <summary>What is known so far.</summary>
    public PlateauValues Values { get; set; } = new(higherIsBetter ? double.NegativeInfinity : double.PositiveInfinity, 0, 1);

    public void Observe(double value)
    {
        (double best, int waited, double factor) = Values;
        bool better = higherIsBetter ? value > best * (1 + schedule.Threshold) || double.IsNegativeInfinity(best) : value < best * (1 - schedule.Threshold);
        if (better) (best, waited) = (value, 0);
        else waited++;
        if (waited > schedule.Patience)
        {
            double lowered = Math.Max(factor * schedule.Multiplier, schedule.Minimum);
            if (factor - lowered > SmallestChange) factor = lowered;
            waited = 0;
        }
        Values = new(best, waited, factor);
    }
}

/// <summary>What a plateau schedule knows in one run.</summary>
/// <param name="Best">The best value so far.</param>
/// <param name="Waited">Evaluations without a gain since.</param>
/// <param name="Factor">What the schedule's factor is multiplied by.</param>
internal sealed record PlateauValues(double Best, int Waited, double Factor);
