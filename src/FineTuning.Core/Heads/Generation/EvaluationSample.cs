using FineTuning.Errors;
using FineTuning.Generation;

namespace FineTuning.Heads;

/// <summary>Which texts a model writes in an evaluation, and how; it writes some where it has a metric of texts (<c>AddMetric</c>).</summary>
/// <remarks>
/// Sources that are equal are one, with all their targets as references. Of the different ones, those at equal distances are taken: the same in every
/// evaluation. Immutable; change a copy with <c>with</c>.
/// </remarks>
public sealed record EvaluationSample
{
    /// <summary>The most texts that are written; 1 or more. Default 100.</summary>
    public int Count { get; init; } = 100;

    /// <summary>Texts that are written together; 1 or more. Default 16.</summary>
    public int BatchSize { get; init; } = 16;

    /// <summary>Texts that the report keeps beside source and reference; 0 or more. Default 10.</summary>
    public int Shown { get; init; } = 10;

    /// <summary>How they are generated; null, or what is null in it: as the checkpoint says.</summary>
    public GenerationOptions? Generation { get; init; }

    /// <exception cref="InvalidOptionsException">A number is out of range.</exception>
    /// <exception cref="ArgumentException">A list in it holds null.</exception>
    internal void Validate()
    {
        var violations = new List<string>();
        if (Count < 1) violations.Add($"Count is {Count}: at least 1 text is written");
        if (BatchSize < 1) violations.Add($"BatchSize is {BatchSize}: it is 1 or more");
        if (Shown < 0) violations.Add($"Shown is {Shown}: it is 0 or more");
        if (Generation is not null) OptionChecks.Collect(Generation, violations);
        if (violations.Count > 0) throw new InvalidOptionsException(violations);
    }
}
