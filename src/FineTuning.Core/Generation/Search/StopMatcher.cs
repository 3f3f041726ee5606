using System.Text;
using FineTuning.Text;

namespace FineTuning.Generation;

/// <summary>Tells whether a stop string ends inside the newest token of a text.</summary>
internal sealed class StopMatcher
{
    // Decoders may treat the first tokens they see in a way of their own: a space is lost, a character begins in the middle.
    private const int Margin = 8;

    // The newest token may complete a character that bytes before it began, and with it turn a row of such characters into text:
    // of these the last alone is new.
    private const int Completed = 1;

    private readonly PretrainedTokenizer _tokenizer;
    private readonly string[] _stops;
    private readonly int _window;

    public StopMatcher(PretrainedTokenizer tokenizer, IReadOnlyList<string> stops)
    {
        (_tokenizer, _stops) = (tokenizer, [.. stops]);
        // A token has a byte of the string at least.
        _window = _stops.Max(stop => Encoding.UTF8.GetByteCount(stop)) + Margin;
    }

    /// <param name="tokens">The text so far, without padding: the prompt, whose end may begin a stop string, and what is new.</param>
    public bool IsMet(ReadOnlySpan<int> tokens)
    {
        tokens = tokens[Start(tokens)..];
        string text = Decode(tokens);
        int known = Math.Max(Decode(tokens[..^1]).AsSpan().CommonPrefixLength(text), text.Length - Decode(tokens[^1..]).Length - Completed);
        foreach (string stop in _stops)
        {
            int from = Math.Max(0, known - stop.Length + 1);
            if (from <= text.Length && text.IndexOf(stop, from, StringComparison.Ordinal) >= 0) return true;
        }
        return false;
    }

    // Byte tokens in a row are decoded as a whole, and to nothing where the row begins within a character.
    private int Start(ReadOnlySpan<int> tokens)
    {
        int start = Math.Max(0, tokens.Length - _window);
        while (start > 0 && _tokenizer.Token(tokens[start]) is ['<', '0', 'x', _, _, '>']) start--;
        return start;
    }

    private string Decode(ReadOnlySpan<int> tokens) => _tokenizer.Decode(tokens, skipSpecialTokens: false, cleanUp: false);
}
