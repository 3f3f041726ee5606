namespace FineTuning.Training;

internal sealed record ConstantSchedule(Warmup Warmup) : Schedule(Warmup)
{
    private protected override double Proper(long step, long total, long climb) => 1;
}

internal sealed record PolynomialSchedule(Warmup Warmup, double Power, double Minimum) : Schedule(Warmup)
{
    private protected override double Proper(long step, long total, long climb) =>
        step >= total ? Minimum : ((1 - Minimum) * Math.Pow(1 - (step / (double)total), Power)) + Minimum;

    internal override void CollectViolations(List<string> violations)
    {
        base.CollectViolations(violations);
        Fraction(Minimum, "minimum", violations);
        if (Power is not (> 0 and <= 100)) violations.Add($"the schedule's power is {Power}: it is above 0 and at most 100");
    }
}

internal sealed record CosineSchedule(Warmup Warmup, double Minimum, double Cycles) : Schedule(Warmup)
{
    private protected override double Proper(long step, long total, long climb)
    {
        double wave = Math.Max(0, 0.5 * (1 + Math.Cos(Math.PI * 2 * Cycles * step / total)));
        return (wave * (1 - Minimum)) + Minimum;
    }

    internal override void CollectViolations(List<string> violations)
    {
        base.CollectViolations(violations);
        Fraction(Minimum, "minimum", violations);
        if (Cycles is not (> 0 and <= 1000)) violations.Add($"the schedule has {Cycles} waves: it takes more than 0");
    }
}

internal sealed record RestartsSchedule(Warmup Warmup, int Cycles) : Schedule(Warmup)
{
    private protected override double Proper(long step, long total, long climb)
    {
        double progress = step / (double)total;
        return progress >= 1 ? 0 : Math.Max(0, 0.5 * (1 + Math.Cos(Math.PI * (Cycles * progress % 1))));
    }

    internal override void CollectViolations(List<string> violations)
    {
        base.CollectViolations(violations);
        AtLeastOne(Cycles, "number of cycles", violations);
    }
}

internal sealed record WarmRestartsSchedule(int FirstSteps, int Growth, double Minimum) : Schedule(Warmup.None)
{
    private protected override double Proper(long step, long total, long climb)
    {
        long length = FirstSteps, within = step;
        if (Growth == 1)
        {
            within %= length;
        }
        else
        {
            for (; within >= length; length *= Growth) within -= length;
        }
        return (0.5 * (1 + Math.Cos(Math.PI * within / length)) * (1 - Minimum)) + Minimum;
    }

    internal override void CollectViolations(List<string> violations)
    {
        base.CollectViolations(violations);
        Fraction(Minimum, "minimum", violations);
        AtLeastOne(FirstSteps, "first length", violations);
        AtLeastOne(Growth, "growth", violations);
    }
}

internal sealed record InverseRootSchedule(Warmup Warmup, int? Timescale) : Schedule(Warmup)
{
    private protected override double Proper(long step, long total, long climb)
    {
        double timescale = Timescale ?? (climb > 0 ? climb : 10_000);
        return 1 / Math.Sqrt((step + timescale) / timescale);
    }

    internal override void CollectViolations(List<string> violations)
    {
        base.CollectViolations(violations);
        AtLeastOne(Timescale ?? 1, "timescale", violations);
    }
}

internal sealed record StableDecaySchedule(Warmup Warmup, Warmup Decay, double Minimum) : Schedule(Warmup)
{
    private protected override double Climb(double share) => (share * (1 - Minimum)) + Minimum;

    private protected override double Proper(long step, long total, long climb)
    {
        long down = Math.Min(total, Decay.Resolve(total + climb));
        long within = step - (total - down);
        if (within < 0) return 1;
        return within >= down ? Minimum : (0.5 * (1 + Math.Cos(Math.PI * within / down)) * (1 - Minimum)) + Minimum;
    }

    internal override void CollectViolations(List<string> violations)
    {
        base.CollectViolations(violations);
        Decay.CollectViolations(violations);
        Fraction(Minimum, "minimum", violations);
    }
}

internal sealed record OneCycleSchedule(double Peak, double StartDivisor, double EndDivisor) : Schedule(Warmup.None)
{
    private protected override double Proper(long step, long total, long climb)
    {
        double start = 1 / StartDivisor, end = start / EndDivisor, top = (Peak * total) - 1, last = total - 1;
        if (step <= top) return Between(start, 1, top <= 0 ? 1 : step / top);
        return Between(1, end, Math.Min(1, (step - top) / (last - top)));
    }

    private static double Between(double from, double to, double share) => to + ((from - to) / 2 * (1 + Math.Cos(Math.PI * share)));

    internal override void CollectViolations(List<string> violations)
    {
        base.CollectViolations(violations);
        if (Peak is not (> 0 and < 1)) violations.Add($"the schedule's peak is at {Peak}: it is above 0 and below 1");
        AtLeastOne(StartDivisor, "start divisor", violations);
        AtLeastOne(EndDivisor, "end divisor", violations);
    }
}

internal sealed record StepSchedule(Warmup Warmup, int Every, double Multiplier) : Schedule(Warmup)
{
    private protected override double Proper(long step, long total, long climb) => Math.Pow(Multiplier, step / Every);

    internal override void CollectViolations(List<string> violations)
    {
        base.CollectViolations(violations);
        AtLeastOne(Every, "interval", violations);
        if (Multiplier is not (> 0 and <= 1)) violations.Add($"the schedule's factor is {Multiplier}: it is above 0 and at most 1");
    }
}
