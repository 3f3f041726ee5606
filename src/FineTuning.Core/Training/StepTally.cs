namespace FineTuning.Training;

/// <summary>What the micro-batches of one window came to: all that going on, stopping and failing are decided by.</summary>
/// <remarks>Sums only, so that those of several processes that train the same weights add up to the same decision in each.</remarks>
/// <param name="Loss">The sum of the losses.</param>
/// <param name="Targets">What it is divided by.</param>
/// <param name="Stops">How many wish to end the run before this step.</param>
/// <param name="Failures">How many met a loss that is not finite.</param>
/// <param name="Gradients">How many have a weight with a gradient.</param>
internal readonly record struct StepTally(double Loss, double Targets, int Stops, int Failures, int Gradients)
{
    /// <summary>The wish to end the run.</summary>
    public static StepTally Stop => new(0, 0, 1, 0, 0);

    /// <summary>A window that left gradients.</summary>
    public static StepTally Gradient => new(0, 0, 0, 0, 1);

    /// <summary>Whether the rest of the window need not be computed.</summary>
    public bool IsOver => Stops > 0 || Failures > 0;

    public static StepTally operator +(StepTally one, StepTally other) =>
        new(one.Loss + other.Loss, one.Targets + other.Targets, one.Stops + other.Stops, one.Failures + other.Failures, one.Gradients + other.Gradients);
}
