namespace FineTuning.Training;

/// <summary>Says whether a loss is far above those before it: more than twice their mean, and six standard deviations above it.</summary>
/// <remarks>Mean and variance are exponential, over about a hundred steps (West 1979), and nothing is a leap before the first fifty.</remarks>
/// <param name="Mean">The mean so far.</param>
/// <param name="Variance">The variance so far.</param>
/// <param name="Seen">How many losses there were.</param>
/// <param name="Count">How many of them were leaps.</param>
internal readonly record struct LossLeaps(double Mean, double Variance, long Seen, long Count)
{
    private const int StepsBefore = 50;
    private const double Deviations = 6, Share = 0.01;

    public bool IsLeap(double loss) => Seen >= StepsBefore && loss > 2 * Mean && loss > Mean + (Deviations * Math.Sqrt(Variance));

    /// <summary>With one more loss; a leap counts and moves nothing.</summary>
    public LossLeaps With(double loss)
    {
        if (!double.IsFinite(loss)) return this;
        if (IsLeap(loss)) return this with { Count = Count + 1, Seen = Seen + 1 };
        // The first losses weigh alike, so that the mean does not begin at 0.
        double share = Math.Max(Share, 1.0 / (Seen + 1)), change = loss - Mean;
        return new(Mean + (share * change), (1 - share) * (Variance + (share * change * change)), Seen + 1, Count);
    }
}
