namespace FineTuning.Errors;

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
