namespace FineTuning.Errors;

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
