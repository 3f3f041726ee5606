namespace FineTuning.Errors;

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
