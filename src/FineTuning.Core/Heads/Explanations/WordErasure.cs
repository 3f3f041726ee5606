using FineTuning.Text;

namespace FineTuning.Heads;

/// <summary>
/// Texts with a word left out, to see what the word did: the output of the text minus that of the text without it (erasure, Li et al. 2016, section 3).
/// What is left moves together, as it does where an author deletes a word.
/// </summary>
internal static class WordErasure
{
    /// <summary>The tokens of each word, in the order of the texts; tokens that stand in no text are no words.</summary>
    public static int[][] Words(TokenizedText tokens)
    {
        var words = new List<int[]>();
        for (int start = 0, end; start < tokens.Ids.Length; start = end)
        {
            (int sequence, int word) = (tokens.SequenceIds[start], tokens.WordIds[start]);
            for (end = start + 1; end < tokens.Ids.Length && tokens.SequenceIds[end] == sequence && tokens.WordIds[end] == word; end++)
            {
            }
            if (sequence >= 0 && word >= 0) words.Add([.. Enumerable.Range(start, end - start)]);
        }
        return [.. words];
    }

    /// <summary>A row without some of its tokens.</summary>
    /// <param name="row">The whole text.</param>
    /// <param name="word">Neighbouring tokens, in order.</param>
    public static TokenizedRow Without(TokenizedRow row, int[] word)
    {
        int[] Rest(int[] all) => [.. all[..word[0]], .. all[(word[^1] + 1)..]];
        return new(Rest(row.TokenIds), row.TypeIds is null ? null : Rest(row.TypeIds));
    }
}
