namespace FineTuning.Errors;

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
