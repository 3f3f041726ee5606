using System.Globalization;

namespace FineTuning.Strategies;

/// <summary>The numbers that a search draws from.</summary>
/// <remarks>Immutable.</remarks>
public sealed record SearchInterval
{
    private SearchInterval(double lowest, double highest, bool isLogarithmic) => (Lowest, Highest, IsLogarithmic) = (lowest, highest, isLogarithmic);

    /// <summary>The lowest number.</summary>
    public double Lowest { get; }

    /// <summary>The highest number.</summary>
    public double Highest { get; }

    /// <summary>Whether the logarithm is evenly spread.</summary>
    public bool IsLogarithmic { get; }

    /// <summary>Evenly spread.</summary>
    /// <param name="lowest">Finite.</param>
    /// <param name="highest">Above the lowest.</param>
    public static SearchInterval Uniform(double lowest, double highest) => new(lowest, highest, false);

    /// <summary>Numbers whose logarithm is evenly spread: rates, decays.</summary>
    /// <param name="lowest">Above 0.</param>
    /// <param name="highest">Above the lowest.</param>
    public static SearchInterval LogUniform(double lowest, double highest) => new(lowest, highest, true);

    /// <inheritdoc/>
    public override string ToString() =>
        string.Create(CultureInfo.InvariantCulture, $"{(IsLogarithmic ? "log-uniform" : "uniform")} from {Lowest:R} to {Highest:R}");

    /// <summary>The number at a share of the interval.</summary>
    internal double At(double share) => IsLogarithmic
        ? Math.Clamp(Math.Exp(Math.Log(Lowest) + (share * (Math.Log(Highest) - Math.Log(Lowest)))), Lowest, Highest)
        : Lowest + (share * (Highest - Lowest));

    internal string? Problem() => double.IsFinite(Lowest) && double.IsFinite(Highest) && Highest > Lowest && (!IsLogarithmic || Lowest > 0) ? null
        : $"{this} is no interval: the highest is above the lowest{(IsLogarithmic ? ", which is above 0" : "")}, and both are finite";
}
