namespace FineTuning.Errors;

/// <summary>
/// The base of every exception that this library raises on its own account; argument errors of the caller are <see cref="ArgumentException"/>s.
/// </summary>
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
