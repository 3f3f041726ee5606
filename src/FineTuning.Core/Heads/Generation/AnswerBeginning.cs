using FineTuning.Text;

namespace FineTuning.Heads;

/// <summary>The tokens that the answer of an encoder-decoder begins with, where the caller gives its beginning.</summary>
internal static class AnswerBeginning
{
    /// <summary>A beginning as tokens, as they stand in a target in training: with what the tokenizer puts before a text, without what ends one.</summary>
    /// <param name="text">The beginning. Null or empty: there is none.</param>
    /// <param name="tokenizer">The tokenizer of the model.</param>
    /// <param name="start">The token that the decoder begins with, which is no part of the answer. Null: there is none.</param>
    /// <returns>Empty where the text has no tokens.</returns>
    public static int[] Tokens(string? text, PretrainedTokenizer tokenizer, int? start)
    {
        if (string.IsNullOrEmpty(text)) return [];
        ReadOnlySpan<int> tokens = tokenizer.Encode(text).Ids;
        if (!tokens.IsEmpty && tokens[^1] == tokenizer.EndId) tokens = tokens[..^1];
        // Whoever writes the start token too means the same.
        return (!tokens.IsEmpty && tokens[0] == start ? tokens[1..] : tokens).ToArray();
    }
}
