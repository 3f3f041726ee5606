namespace FineTuning.Generation;

/// <summary>Why a text ended.</summary>
public enum FinishReason
{
    /// <summary>It is as long as it may be.</summary>
    Length,

    /// <summary>Its last token is an end token.</summary>
    EndToken,

    /// <summary>A stop string ends in its last token.</summary>
    StopString,
}

/// <summary>One text that was generated.</summary>
/// <param name="Prompt">The number of its prompt in the batch.</param>
/// <param name="Tokens">The new tokens, the one that ended it included.</param>
/// <param name="Reason">Why it ended.</param>
internal sealed record Generated(int Prompt, int[] Tokens, FinishReason Reason)
{
    /// <summary>Beam search: its log-probability by its length to the power of the length penalty; else null.</summary>
    public double? Score { get; init; }

    /// <summary>The log-probability of each new token after all rules, where they were asked for, and always in a beam search.</summary>
    public float[]? LogProbabilities { get; init; }

    /// <summary>Beam search: which of the running rows each token was appended to, counted over the batch; else null.</summary>
    public int[]? Parents { get; init; }
}
