namespace FineTuning.Fuzz;

/// <summary>Everything that can be fuzzed, by name.</summary>
internal static class Targets
{
    public static IReadOnlyList<FuzzTarget> All { get; } = [new TokenizerTarget(), new TemplateTarget()];
}
