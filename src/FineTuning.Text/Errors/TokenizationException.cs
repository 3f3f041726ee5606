namespace FineTuning.Errors;

/// <summary>
/// A text cannot be tokenized: it has what the vocabulary lacks and names no unknown token for, or a pattern of the
/// tokenizer takes more than linear time on it.
/// </summary>
public sealed class TokenizationException : FineTuningException
{
    /// <summary>Creates the exception.</summary>
    /// <param name="message">What was found, what was expected, and what to do.</param>
    /// <param name="innerException">The cause, where there is one.</param>
    public TokenizationException(string message, Exception? innerException = null)
        : base(Shortened.Of(message), innerException)
    {
    }
}
