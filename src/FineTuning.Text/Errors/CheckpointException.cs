namespace FineTuning.Errors;

/// <summary>A checkpoint folder, or a file in it, cannot be used: missing, damaged, hostile, or not of a supported kind.</summary>
public sealed class CheckpointException : FineTuningException
{
    /// <summary>Creates the exception.</summary>
    /// <param name="path">The file or folder.</param>
    /// <param name="problem">What was found, what was expected, and what to do.</param>
    /// <param name="innerException">The cause, where there is one.</param>
    public CheckpointException(string path, string problem, Exception? innerException = null)
        : base($"{path}: {Shortened.Of(problem)}", innerException) => Path = path;

    /// <summary>The file or folder that cannot be used.</summary>
    public string Path { get; }
}
