namespace FineTuning.Errors;

/// <summary>A model computed NaN or infinite numbers where an answer was asked for: nothing can be said, and nothing is.</summary>
public sealed class NonFiniteException : FineTuningException
{
    /// <summary>Creates the exception.</summary>
    /// <param name="message">What is not finite, and what to do.</param>
    public NonFiniteException(string message)
        : base(message)
    {
    }
}
