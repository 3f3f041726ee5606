using System.Text;
using FineTuning.Text;

namespace FineTuning.Generation;

/// <summary>Tells whether a stop string ends inside the newest token of a text.</summary>
internal sealed class StopMatcher
{
    // Decoders may treat the first tokens they see in a way of their own: a space is lost, a character begins in the middle.
    private const int Margin = 8;

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
        tokens = tokens[Math.Max(0, tokens.Length - _window)..];
        string text = _tokenizer.Decode(tokens, skipSpecialTokens: false, cleanUp: false);
        // Bytes of the newest token may have completed a character before it: what changed is what is new.
        int known = _tokenizer.Decode(tokens[..^1], skipSpecialTokens: false, cleanUp: false).AsSpan().CommonPrefixLength(text);
        foreach (string stop in _stops)
        {
            int from = Math.Max(0, known - stop.Length + 1);
            if (from <= text.Length && text.IndexOf(stop, from, StringComparison.Ordinal) >= 0) return true;
        }
        return false;
    }
}
