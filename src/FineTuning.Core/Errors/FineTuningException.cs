namespace FineTuning.Errors;

/// <summary>The base of every exception that this library raises on its own account; argument errors of the caller are <see cref="ArgumentException"/>s.</summary>
public class FineTuningException : Exception
{
    /// <summary>Creates the exception.</summary>
    /// <param name="message">What was found, what was expected, and what to do.</param>
    /// <param name="innerException">The cause, where there is one.</param>
    public FineTuningException(string message, Exception? innerException = null)
        : base(message, innerException)
    {
    }
}

/// <summary>A checkpoint folder, or a file in it, cannot be used: missing, damaged, hostile, or not of a supported kind.</summary>
public sealed class CheckpointException : FineTuningException
{
    private const int LongestProblem = 16_000;

    /// <summary>Creates the exception.</summary>
    /// <param name="path">The file or folder.</param>
    /// <param name="problem">What was found, what was expected, and what to do.</param>
    /// <param name="innerException">The cause, where there is one.</param>
    public CheckpointException(string path, string problem, Exception? innerException = null)
        : base($"{path}: {Shortened(problem)}", innerException) => Path = path;

    /// <summary>The file or folder that cannot be used.</summary>
    public string Path { get; }

    // Names and values of a hostile file may have any length, and there may be any number of them.
    private static string Shortened(string problem) =>
        problem?.Length > LongestProblem ? $"{problem.AsSpan(0, LongestProblem)}… ({problem.Length - LongestProblem} more characters)" : problem ?? "";
}

/// <summary>A record, or a file of records, cannot be trained or evaluated on.</summary>
public sealed class TrainingDataException : FineTuningException
{
    /// <summary>Creates the exception.</summary>
    /// <param name="message">Which file and line or which record (counted from 0), what was found, what was expected, and what to do.</param>
    /// <param name="innerException">The cause, where there is one.</param>
    public TrainingDataException(string message, Exception? innerException = null)
        : base(message, innerException)
    {
    }
}

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

/// <summary>The loss, a gradient or a weight became NaN or infinite.</summary>
public sealed class DivergedException : FineTuningException
{
    /// <summary>Creates the exception.</summary>
    /// <param name="step">The optimizer step, counted from 1, in which it happened.</param>
    /// <param name="message">What became non-finite, on which rows, and advice.</param>
    public DivergedException(long step, string message)
        : base(message) => Step = step;

    /// <summary>The optimizer step, counted from 1, in which it happened.</summary>
    public long Step { get; }
}

/// <summary>The native tensor library cannot be loaded or used on this machine.</summary>
public sealed class NativeRuntimeException : FineTuningException
{
    /// <summary>Creates the exception.</summary>
    /// <param name="message">What is missing and what to install.</param>
    /// <param name="innerException">The cause, where there is one.</param>
    public NativeRuntimeException(string message, Exception? innerException = null)
        : base(message, innerException)
    {
    }
}
