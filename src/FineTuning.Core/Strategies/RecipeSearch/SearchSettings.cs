namespace FineTuning.Strategies;

/// <summary>How a search goes through its recipes.</summary>
internal sealed record SearchSettings
{
    public IReadOnlyList<SearchDimension> Dimensions { get; init; } = [];

    /// <summary>How many recipes. Null: the whole grid.</summary>
    public int? Trials { get; init; }

    /// <summary>The seeds of each recipe's runs. Empty: that of the recipe.</summary>
    public IReadOnlyList<long> Seeds { get; init; } = [];

    /// <summary>The seed of drawing and of folds.</summary>
    public long Seed { get; init; } = 42;

    /// <summary>One in so many recipes goes on to a longer run. Null: all run at full length.</summary>
    public int? HalvingFactor { get; init; }

    /// <summary>How many lengths of runs there are with halving.</summary>
    public int Rungs { get; init; } = 1;

    /// <summary>Parts of cross-validation. 0: there is validation data.</summary>
    public int Folds { get; init; }

    public TimeSpan? TimeLimit { get; init; }

    /// <summary>The file that a search goes on from. Null: there is none.</summary>
    public string? Journal { get; init; }

    /// <summary>The share of a full run at each length, rising to 1.</summary>
    public IReadOnlyList<double> Shares => HalvingFactor is not { } factor ? [1]
        : [.. Enumerable.Range(0, Rungs).Select(rung => Math.Pow(factor, rung - Rungs + 1))];

    public void CollectViolations(List<string> violations, bool hasValidation)
    {
        if (Dimensions.Count == 0) violations.Add("the search varies nothing: add Over(...)");
        violations.AddRange(Dimensions.Select(dimension => dimension.Problem()).OfType<string>());
        violations.AddRange(Dimensions.GroupBy(dimension => dimension.Name, StringComparer.Ordinal).Where(group => group.Count() > 1)
            .Select(group => $"{group.Count()} dimensions are named '{group.Key}': names differ"));
        if (Trials is not (null or (>= 1 and <= SearchPlan.Most))) violations.Add($"the search has {Trials} trials: it is from 1 to {SearchPlan.Most:N0}");
        else if (Dimensions.Count > 0 && SearchPlan.Count(Dimensions, Trials) is null)
            violations.Add($"how many recipes are tried is not said, or the grid has more than {SearchPlan.Most:N0}: set Trials");
        if (Seeds.Distinct().Count() < Seeds.Count) violations.Add("a seed stands twice: give each once");
        if (HalvingFactor is not (null or (>= 2 and <= 100))) violations.Add($"the halving factor is {HalvingFactor}: it is from 2 to 100");
        if (Rungs is not (>= 1 and <= 20)) violations.Add($"halving has {Rungs} lengths: it is from 1 to 20");
        if (Folds is not (0 or (>= 2 and <= 1000))) violations.Add($"cross-validation has {Folds} folds: it is from 2 to 1000");
        if (Folds == 0 && !hasValidation) violations.Add("nothing is there to compare recipes by: add ValidateOn(...) or Folds(...)");
        if (Folds > 0 && hasValidation) violations.Add("there is validation data, and folds as well: take one of them away");
        if (TimeLimit is { } limit && limit <= TimeSpan.Zero) violations.Add($"the search's TimeLimit is {limit}: it is above 0");
        if (Journal is not null && !Directory.Exists(Path.GetDirectoryName(Path.GetFullPath(Journal))))
            violations.Add($"the journal '{Journal}': there is no such folder");
    }
}
