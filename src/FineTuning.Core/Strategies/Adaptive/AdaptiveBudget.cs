namespace FineTuning.Strategies;

/// <summary>What adaptive tuning may cost in all: a time, an amount of compute, or both, of which the one that is used up first counts.</summary>
/// <remarks>
/// Compute is counted in rows: one row is one row of the data that goes once through all layers, forward and backward. A forward pass alone counts a third,
/// layers that do not train and whose states are kept count once. With rows alone what is chosen is a function of data, weights and seed; with a time it
/// depends on the machine's speed as well. Immutable.
/// </remarks>
public sealed record AdaptiveBudget
{
    /// <summary>The share of the budget that measuring takes at most.</summary>
    internal const double MeasuringShare = 0.1;

    /// <summary>The time of the whole call, reading the data included; above 0. Null: it has no limit.</summary>
    public TimeSpan? Time { get; init; }

    /// <summary>The compute of the whole call, in rows; 1 or more, and at least what one pass over training and validation data takes. Null: it has no
    /// limit.</summary>
    public long? Rows { get; init; }

    /// <summary>A budget of time.</summary>
    /// <param name="time">Above 0.</param>
    public static AdaptiveBudget OfTime(TimeSpan time) => new() { Time = time };

    /// <summary>A budget of compute.</summary>
    /// <param name="rows">For example ten times as many as there are.</param>
    public static AdaptiveBudget OfRows(long rows) => new() { Rows = rows };

    internal void CollectViolations(List<string> violations)
    {
        if (Time is null && Rows is null) violations.Add("the budget has neither a time nor rows: set at least one");
        if (Time is { } time && time <= TimeSpan.Zero) violations.Add($"the budget's Time is {time}: it is above 0");
        if (Rows < 1) violations.Add($"the budget's Rows is {Rows}: it is 1 or more");
    }
}
