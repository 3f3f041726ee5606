using FineTuning.Generation;

namespace FineTuning.Heads;

/// <summary>A text that a model wrote.</summary>
/// <param name="Text">
/// The new text, without special tokens and without the token that ended it. A <see cref="GenerationOptions.DecoderPrefix"/> begins it.
/// </param>
/// <param name="Tokens">The new tokens, the one that ended the text included; those of a <see cref="GenerationOptions.DecoderPrefix"/> before them.</param>
/// <param name="Reason">Why it ended.</param>
/// <remarks>Immutable; it owns nothing native.</remarks>
public sealed record GeneratedText(string Text, IReadOnlyList<int> Tokens, FinishReason Reason)
{
    /// <summary>Beam search: the log-probability by the length to the power of the length penalty; else null.</summary>
    public double? Score { get; init; }
}
