using FineTuning.Errors;

namespace FineTuning.Adapters;

/// <summary>Which modules of a model are adapted, by the names that the checkpoint gives them. Each verb returns other targets.</summary>
/// <remarks>Immutable. The rules are those of PEFT.</remarks>
public sealed record ModuleTargets
{
    internal ModuleTargets()
    {
    }

    /// <summary>The modules that PEFT takes for the model's family.</summary>
    internal static ModuleTargets ByFamily { get; } = new();

    internal bool IsAllLinear { get; init; }

    internal IReadOnlyList<string>? Names { get; init; }

    internal string? Pattern { get; init; }

    internal IReadOnlyList<string> Excluded { get; init; } = [];

    internal string? ExcludedPattern { get; init; }

    internal IReadOnlyList<int>? LayerNumbers { get; init; }

    internal IReadOnlyList<string> LayerNames { get; init; } = [];

    /// <summary>Every linear layer but the output layer.</summary>
    public ModuleTargets AllLinear() => this with { IsAllLinear = true, Names = null, Pattern = null };

    /// <summary>Modules whose path is one of the names, or ends in a dot and one of them, for example <c>q_proj</c>.</summary>
    /// <param name="names">At least one.</param>
    public ModuleTargets Named(params string[] names)
    {
        NullMembers.RequireEntries(names, nameof(names));
        return this with { Names = [.. names], Pattern = null, IsAllLinear = false };
    }

    /// <summary>Modules whose whole path matches a regular expression, for example <c>.*\.layers\.0\..*</c>.</summary>
    /// <param name="pattern">The expression.</param>
    public ModuleTargets Matching(string pattern)
    {
        ArgumentNullException.ThrowIfNull(pattern);
        return this with { Pattern = pattern, Names = null, IsAllLinear = false };
    }

    /// <summary>Leaves modules out, named as for <see cref="Named"/>.</summary>
    /// <param name="names">At least one.</param>
    public ModuleTargets Except(params string[] names)
    {
        NullMembers.RequireEntries(names, nameof(names));
        return this with { Excluded = [.. names], ExcludedPattern = null };
    }

    /// <summary>Only modules of some layers; targets are to be named.</summary>
    /// <param name="numbers">From 0 for the lowest.</param>
    public ModuleTargets InLayers(params int[] numbers)
    {
        ArgumentNullException.ThrowIfNull(numbers);
        return this with { LayerNumbers = [.. numbers] };
    }

    internal void CollectViolations(List<string> violations)
    {
        if (Names is { Count: 0 }) violations.Add("the targets name no module: name at least one, or take AllLinear()");
        if (Names?.Any(string.IsNullOrWhiteSpace) == true || Excluded.Any(string.IsNullOrWhiteSpace)) violations.Add("the name of a target module is empty");
        if (LayerNumbers is not null && Names is null) violations.Add("layers can be chosen only where target modules are named (Named)");
        if (LayerNumbers?.Any(number => number < 0) == true) violations.Add("layers are numbered from 0");
        foreach (string? pattern in new[] { Pattern, ExcludedPattern })
        {
            if (pattern is not null && ModulePattern.Fault(pattern) is { } fault) violations.Add($"the pattern of the targets is no regular expression: " +
                $"{fault}");
        }
    }
}
