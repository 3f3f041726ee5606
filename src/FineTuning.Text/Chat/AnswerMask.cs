using FineTuning.Errors;
using FineTuning.Text.Jinja;

namespace FineTuning.Text;

/// <summary>Which tokens are learned.</summary>
internal static class AnswerMask
{
    /// <summary>
    /// Every token that shares a character with a range. One without a character of its own (white space that a tokenizer trims
    /// from offsets) belongs to what precedes it.
    /// </summary>
    /// <param name="starts">Where tokens begin.</param>
    /// <param name="ends">Where they end.</param>
    /// <param name="ranges">In order and apart from each other.</param>
    public static bool[] Overlapping(ReadOnlySpan<int> starts, ReadOnlySpan<int> ends, IReadOnlyList<(int Start, int End)> ranges)
    {
        var mask = new bool[starts.Length];
        int next = 0;
        for (int i = 0; i < mask.Length; i++)
        {
            while (next < ranges.Count && ranges[next].End <= starts[i] && !(starts[i] == ends[i] && ranges[next].End == starts[i])) next++;
            mask[i] = next < ranges.Count && ranges[next].Start < ends[i];
        }
        return mask;
    }

    /// <summary>
    /// The tokens of answers that prefix rendering found: from behind the tokens of what precedes, which must be those of the whole,
    /// to the last added token that stands at the answer's end. White space behind that is the template's own and never written by a model.
    /// </summary>
    /// <exception cref="ChatTemplateException">Tokens reach over the position where an answer begins or ends.</exception>
    public static bool[] Proved(PretrainedTokenizer tokenizer, TokenizedText tokens, string text, IReadOnlyList<(int Start, int End)> answers)
    {
        var mask = new bool[tokens.Ids.Length];
        foreach ((int start, int end) in answers)
        {
            int first = FirstBehind(tokenizer, tokens, text, start), last = EndOf(tokenizer, tokens, text, first, end);
            for (int i = first; i < last; i++) mask[i] = true;
        }
        return mask;
    }

    private static int FirstBehind(PretrainedTokenizer tokenizer, TokenizedText tokens, string text, int start)
    {
        int[] prompt = tokenizer.Encode(text[..start], null, ChatEncoding.Bare).Ids;
        int same = prompt.AsSpan().CommonPrefixLength(tokens.Ids);
        if (same == prompt.Length && (same == tokens.Ids.Length || tokens.Starts[same] >= start)) return same;
        throw Refused($"an answer begins at character {start}, and the tokens before it are others where the text goes on than where it ends there, "
            + $"as it does when the model is asked: token {same} is {Token(tokens, text, same)}");
    }

    private static int EndOf(PretrainedTokenizer tokenizer, TokenizedText tokens, string text, int first, int end)
    {
        int behind = first;
        while (behind < tokens.Ids.Length && (tokens.Starts[behind] < end || (tokens.Starts[behind] == end && tokens.Ends[behind] == end))) behind++;
        int last = behind;
        while (last > first && !tokenizer.IsAdded(tokens.Ids[last - 1])
            && IsBlank(text.AsSpan(tokens.Starts[last - 1]..Math.Max(tokens.Starts[last - 1], Math.Min(tokens.Ends[last - 1], end)))))
            last--;
        if (last > first && tokenizer.IsAdded(tokens.Ids[last - 1])) return last;
        return behind == first || tokens.Ends[behind - 1] <= end ? behind
            : throw Refused($"an answer ends at character {end}, within the token {Token(tokens, text, behind - 1)}, which the next turn shares");
    }

    private static bool IsBlank(ReadOnlySpan<char> text) => WhiteSpace.TrimmedStart(text) == text.Length;

    private static string Token(TokenizedText tokens, string text, int token) =>
        token >= tokens.Ids.Length ? "missing" : $"'{VisibleText.Of(text.AsSpan(tokens.Starts[token]..tokens.Ends[token]))}'";

    private static ChatTemplateException Refused(string problem) =>
        new($"no loss mask: {problem}; use a template with {{% generation %}} marks, or one that puts a control token there");
}
