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
        : base($"{path}: {Short(problem)}", innerException) => Path = path;

    /// <summary>The file or folder that cannot be used.</summary>
    public string Path { get; }

    // Names and values of a hostile file may have any length, and there may be any number of them: each line is kept short, and so is the whole.
    private static string Short(string problem)
    {
        string[] lines = [.. (problem ?? "").Split(Environment.NewLine).Select(Shortened.Of)];
        string text = string.Join(Environment.NewLine, lines);
        return text.Length > LongestProblem ? $"{text.AsSpan(0, LongestProblem)}… ({text.Length - LongestProblem:N0} more characters)" : text;
    }
}
