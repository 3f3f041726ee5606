using System.Globalization;
using System.Text.Json.Serialization;

namespace FineTuning.Training;

/// <summary>How long the rate climbs: a number of steps, or a share of the run. A <c>double</c> converts to a share, an <c>int</c> to steps.</summary>
/// <remarks>Immutable.</remarks>
public readonly record struct Warmup
{
    [JsonConstructor]
    private Warmup(double amount, bool isShare) => (Amount, IsShare) = (amount, isShare);

    /// <summary>No warm-up.</summary>
    public static Warmup None => default;

    /// <summary>Steps, or a share from 0 to 1.</summary>
    public double Amount { get; }

    /// <summary>Whether <see cref="Amount"/> is a share of all steps.</summary>
    public bool IsShare { get; }

    /// <summary>A share of all steps, rounded up.</summary>
    /// <param name="share">From 0 to 1.</param>
    public static implicit operator Warmup(double share) => Share(share);

    /// <summary>A number of steps.</summary>
    /// <param name="steps">0 or more.</param>
    public static implicit operator Warmup(int steps) => Steps(steps);

    /// <summary>A share of all steps, rounded up.</summary>
    /// <param name="share">From 0 to 1.</param>
    public static Warmup Share(double share) => new(share, true);

    /// <summary>A number of steps.</summary>
    /// <param name="steps">0 or more.</param>
    public static Warmup Steps(long steps) => new(steps, false);

    /// <summary>How many steps that is in a run of so many.</summary>
    /// <param name="totalSteps">All optimizer steps of the run.</param>
    public long Resolve(long totalSteps) => IsShare ? (long)Math.Ceiling(Amount * totalSteps) : (long)Amount;

    /// <inheritdoc/>
    public override string ToString() =>
        IsShare ? Amount.ToString("P0", CultureInfo.InvariantCulture) : string.Create(CultureInfo.InvariantCulture, $"{Amount} steps");

    internal void CollectViolations(List<string> violations)
    {
        if (IsShare && Amount is not (>= 0 and <= 1)) violations.Add($"the warm-up is a share of {Amount}: it is from 0 to 1 (steps are given as an integer)");
        if (!IsShare && Amount < 0) violations.Add($"the warm-up is {Amount} steps: it is 0 or more");
    }
}
