using System.Globalization;

namespace FineTuning.Adapters;

/// <summary>How several low-rank adapters become one.</summary>
/// <remarks>Immutable. The rules are those of PEFT's add_weighted_adapter.</remarks>
public sealed record AdapterCombination
{
    /// <summary>What becomes of the factors. Default their weighted sum.</summary>
    public CombinationKind Kind { get; init; }

    /// <summary>The share of numbers that is kept where numbers are pruned, above 0 to 1. Default 0.5.</summary>
    public double Density { get; init; } = 0.5;

    /// <summary>The rank behind a singular value decomposition, from 1 to 65536. Null: the largest of the adapters'.</summary>
    public int? Rank { get; init; }

    /// <summary>Whether the majority's sign is that of the signs' sum instead of the numbers' (TIES).</summary>
    public bool CountsSigns { get; init; }

    /// <summary>Of what DARE draws. Default 42.</summary>
    public long Seed { get; init; } = 42;

    internal bool Decomposes => Kind is CombinationKind.Decomposed or CombinationKind.PrunedDecomposed or CombinationKind.TiesDecomposed
        or CombinationKind.DareDecomposed or CombinationKind.DareTiesDecomposed;

    internal bool Prunes => Kind is CombinationKind.Pruned or CombinationKind.PrunedDecomposed or CombinationKind.Ties or CombinationKind.TiesDecomposed;

    internal bool Drops => Kind is CombinationKind.Dare or CombinationKind.DareDecomposed or CombinationKind.DareTies or CombinationKind.DareTiesDecomposed;

    internal bool Elects => Kind is CombinationKind.Ties or CombinationKind.TiesDecomposed or CombinationKind.DareTies or CombinationKind.DareTiesDecomposed;

    internal void CollectViolations(List<string> violations)
    {
        if (!Enum.IsDefined(Kind)) violations.Add($"the combination is {Kind}, which there is not");
        if (Density is not (> 0 and <= 1)) violations.Add(string.Create(CultureInfo.InvariantCulture, $"Density is {Density}; it is above 0 to 1"));
        if (Rank is < 1 or > 65536) violations.Add($"Rank is {Rank}; it is from 1 to 65536");
        if (Rank is not null && !Decomposes) violations.Add($"Rank is set, but {Kind} decomposes nothing: leave it null");
    }
}

/// <summary>What becomes of the factors of several adapters.</summary>
public enum CombinationKind
{
    /// <summary>A and B are summed, each with the root of its weight; ranks are alike. It is not the sum of the changes.</summary>
    Linear,

    /// <summary>Factors stand one behind the other: the exact sum of the changes, of the sum of the ranks.</summary>
    Concatenated,

    /// <summary>The singular value decomposition of the sum of the changes: its best approximation of a rank.</summary>
    Decomposed,

    /// <summary>As <see cref="Linear"/>, of the largest numbers alone.</summary>
    Pruned,

    /// <summary>As <see cref="Decomposed"/>, of the largest numbers of each change alone.</summary>
    PrunedDecomposed,

    /// <summary>TIES (Yadav et al. 2023): of the largest numbers the mean of those with the majority's sign.</summary>
    Ties,

    /// <summary>TIES on the changes, decomposed.</summary>
    TiesDecomposed,

    /// <summary>DARE (Yu et al. 2023): numbers are dropped by chance and the rest scaled up.</summary>
    Dare,

    /// <summary>DARE on the changes, decomposed.</summary>
    DareDecomposed,

    /// <summary>DARE, then the mean of those with the majority's sign.</summary>
    DareTies,

    /// <summary>The same on the changes, decomposed.</summary>
    DareTiesDecomposed,
}
