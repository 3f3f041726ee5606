using FineTuning.Metrics;
using FineTuning.Text;

namespace FineTuning.Heads;

/// <summary>A question with a part of its text, as the model sees it.</summary>
/// <param name="Tokens">The tokens; offsets of the question refer to the question without its leading spaces.</param>
/// <param name="First">The index of the text's first token; behind <paramref name="Last"/> where there is none.</param>
/// <param name="Last">The index of the text's last token.</param>
/// <param name="Origin">Which token of the whole text <paramref name="First"/> is.</param>
internal sealed record AnswerWindow(TokenizedText Tokens, int First, int Last, int Origin)
{
    public bool HasContext => First <= Last;

    /// <summary>
    /// The tokens of an answer: the last that begins at or before it, the first that ends at or after it; 0 and 0 where this window does not hold all of it.
    /// </summary>
    public (int Start, int End) Locate(int start, int end)
    {
        if (!HasContext || end <= start || Tokens.Starts[First] > start || Tokens.Ends[Last] < end) return (0, 0);
        (int from, int to) = (First, Last);
        while (from < Last && Tokens.Starts[from + 1] <= start) from++;
        while (to > First && Tokens.Ends[to - 1] >= end) to--;
        return (from, to);
    }
}

/// <summary>Cuts the text of a question into overlapping windows; the question stands in each.</summary>
/// <param name="tokenizer">Of the checkpoint.</param>
/// <param name="maximumLength">Tokens of a window, special ones included.</param>
/// <param name="stride">Tokens that two windows share.</param>
internal sealed class AnswerWindows(PretrainedTokenizer tokenizer, int maximumLength, int stride)
{
    // A long question may leave hardly any step: then windows would be as many as tokens.
    private const int ManyWindows = 4096;

    private readonly int _added = tokenizer.Encode("", "").Ids.Length;

    /// <summary>All windows; null where the question leaves no room for the text.</summary>
    public AnswerWindow[]? Of(string question, string context)
    {
        string asked = Trimmed(question);
        int room = maximumLength - _added - tokenizer.Encode(asked, null, new TokenizingOptions { AddSpecialTokens = false }).Ids.Length;
        if (room < 1) return null;
        int shared = stride;
        if (shared >= room || (shared > room / 2 && context.Length / (room - shared) > ManyWindows)) shared = room / 2;
        TokenizedText whole = tokenizer.Encode(asked, context, new TokenizingOptions
        {
            MaximumLength = maximumLength, Truncation = TruncationStrategy.OnlySecond, TruncateLeft = false, Stride = shared, KeepOverflow = true,
        });
        AnswerWindow first = Window(whole, 0);
        int step = first.Last - first.First + 1 - shared;
        return [first, .. whole.Overflow.Select((window, i) => Window(window, (i + 1) * step))];
    }

    /// <summary>
    /// For each token, whether of all windows that hold it this one shows most around it: the lesser of the tokens before and after it, plus a hundredth of
    /// all the text's tokens in the window; the first window on a tie (as in BERT's scripts). Tokens of the same characters go together.
    /// </summary>
    public static bool[][] Fullest(AnswerWindow[] windows)
    {
        var best = new Dictionary<(int, int), (double Score, int Window)>();
        for (int w = 0; w < windows.Length; w++)
        {
            AnswerWindow window = windows[w];
            for (int i = window.First; i <= window.Last; i++)
            {
                (int, int) characters = (window.Tokens.Starts[i], window.Tokens.Ends[i]);
                double score = Math.Min(i - window.First, window.Last - i) + (0.01 * (window.Last - window.First + 1));
                if (!best.TryGetValue(characters, out (double Score, int Window) other) || score > other.Score) best[characters] = (score, w);
            }
        }
        return [.. windows.Select((window, w) => window.Tokens.Ids.Select((_, i) =>
            i >= window.First && i <= window.Last && best[(window.Tokens.Starts[i], window.Tokens.Ends[i])].Window == w).ToArray())];
    }

    private static AnswerWindow Window(TokenizedText tokens, int origin)
    {
        int first = Array.IndexOf(tokens.SequenceIds, 1), last = Array.LastIndexOf(tokens.SequenceIds, 1);
        return first < 0 ? new(tokens, 1, 0, origin) : new(tokens, first, last, origin);
    }

    private static string Trimmed(string question)
    {
        int start = 0;
        while (start < question.Length && AnswerText.IsSpace(question[start])) start++;
        return question[start..];
    }
}
