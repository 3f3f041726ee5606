using FineTuning.Errors;

namespace FineTuning.Training;

/// <summary>Which learning rates a range test goes through (Smith 2017, section 3.3).</summary>
/// <remarks>Immutable.</remarks>
public sealed record LearningRateRange
{
    /// <summary>The rate of the first step, above 0. Default 1e-7.</summary>
    public double Lowest { get; init; } = 1e-7;

    /// <summary>The rate of the last step, above the lowest and at most 1000. Default 1.</summary>
    public double Highest { get; init; } = 1;

    /// <summary>Optimizer steps, from 10 to 4,000; the rate grows by the same factor with each. Default 100.</summary>
    public int Steps { get; init; } = 100;

    /// <summary>The test ends where the smoothed loss is this many times the lowest so far, above 1. Default 4.</summary>
    public double StopFactor { get; init; } = 4;

    internal void Require()
    {
        var violations = new List<string>();
        if (Lowest is not (>= 1e-30 and <= 1000)) violations.Add($"Lowest is {Lowest}: it is from 1e-30 to 1000");
        if (Highest is not (>= 1e-30 and <= 1000) || Highest <= Lowest) violations.Add($"Highest is {Highest}: it is above Lowest ({Lowest}) and at most 1000");
        if (Steps is not (>= 10 and <= 4000)) violations.Add($"Steps is {Steps}: it is from 10 to 4,000");
        if (StopFactor is not (> 1 and < double.PositiveInfinity)) violations.Add($"StopFactor is {StopFactor}: it is above 1");
        if (violations.Count > 0) throw new InvalidOptionsException(violations);
    }
}
