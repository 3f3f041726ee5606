namespace FineTuning.Errors;

/// <summary>A run needs more memory than there is, and cannot go on with less at once.</summary>
public sealed class TrainingMemoryException : FineTuningException
{
    /// <summary>Creates the exception.</summary>
    /// <param name="message">What did not fit, and advice.</param>
    /// <param name="inner">The allocation that failed.</param>
    public TrainingMemoryException(string message, Exception? inner = null)
        : base(message, inner)
    {
    }
}
