namespace FineTuning.Errors;

/// <summary>Settings that contradict each other or are out of range: all violations at once.</summary>
public sealed class InvalidOptionsException : FineTuningException
{
    /// <summary>Creates the exception.</summary>
    /// <param name="violations">One sentence a violation: the setting, its value, what is allowed.</param>
    public InvalidOptionsException(IReadOnlyList<string> violations)
        : base(Describe(violations)) => Violations = violations;

    /// <summary>One sentence a violation.</summary>
    public IReadOnlyList<string> Violations { get; }

    private static string Describe(IReadOnlyList<string> violations)
    {
        ArgumentNullException.ThrowIfNull(violations);
        return violations.Count == 1
            ? violations[0]
            : $"{violations.Count} settings are invalid:{Environment.NewLine}- {string.Join(Environment.NewLine + "- ", violations)}";
    }
}
