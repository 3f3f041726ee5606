namespace FineTuning.Training;

/// <summary>What a run does where the loss or a gradient is NaN or infinite, instead of ending with an exception.</summary>
/// <remarks>Every time is a warning in the result.</remarks>
/// <param name="MostTimes">How often; the next time ends the run with a <see cref="Errors.DivergedException"/>.</param>
/// <param name="RateFactor">
/// Null: the step is left out. Else the run goes back to its last good state, and from there the learning rate is multiplied by this.
/// </param>
/// <param name="Every">Where it goes back: steps between two good states that are kept in memory.</param>
internal sealed record DivergenceGuard(int MostTimes, double? RateFactor = null, long Every = 100) : RunFeature
{
    internal override bool CanResume => true;

    internal override LoopFeature Start() => RateFactor is { } factor ? new ReturningToGoodState(MostTimes, factor, Every) : new SkippingSteps(MostTimes);

    internal override void CollectViolations(List<string> violations, bool hasValidation)
    {
        if (MostTimes is not (>= 1 and <= 1_000_000)) violations.Add($"a run survives {MostTimes} divergences: it is from 1 to 1,000,000");
        if (RateFactor is not (null or (> 0 and < 1)))
            violations.Add($"after a divergence the learning rate is multiplied by {RateFactor}: it is above 0 and below 1");
        if (Every < 1) violations.Add($"good states are {Every} steps apart: it takes 1 or more");
    }
}
