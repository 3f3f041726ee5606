using System.Text;

namespace FineTuning.Text;

/// <summary>
/// Turns ids into text one at a time, as a model generates them. What it gives, put together,
/// is what <see cref="PretrainedTokenizer.Decode"/> gives for all of them.
/// </summary>
/// <remarks>
/// Text comes only when no later id can change it: no character is given before all its bytes are there, and where the files ask for English spacing to be put
/// right, no word before the next begins. Time for an id does not grow with what went before, nor does memory where tokens have text.
/// Decoders of rare files see all tokens as one text: with them everything comes at the end. For one thread.
/// </remarks>
public sealed class StreamingDecoder
{
    private const int LongestWindow = 16, Kept = 6;

    private readonly PretrainedTokenizer _tokenizer;
    private readonly bool _skipSpecialTokens;
    private readonly bool _cleans;
    private readonly List<int> _window = [];
    private readonly StringBuilder _held = new();
    private int _given;
    private int _next;

    /// <param name="tokenizer">The tokenizer of the model.</param>
    /// <param name="skipSpecialTokens">Whether special tokens are left out.</param>
    public StreamingDecoder(PretrainedTokenizer tokenizer, bool skipSpecialTokens = true)
    {
        ArgumentNullException.ThrowIfNull(tokenizer);
        (_tokenizer, _skipSpecialTokens) = (tokenizer, skipSpecialTokens);
        _cleans = tokenizer.CleansUp;
    }

    /// <summary>Takes the next id and gives the text that is now certain; often empty.</summary>
    /// <param name="id">Any number; one without a token gives nothing.</param>
    public string Append(int id)
    {
        if (_tokenizer.Token(id) is not { } token || (_skipSpecialTokens && _tokenizer.IsSpecial(id))) return "";
        _window.Add(id);
        // A run of byte tokens is decoded as a whole, and so is everything where a step sees all tokens as one text.
        if (!_tokenizer.DecodesInParts) return "";
        if (_tokenizer.FallsBackToBytes && ByteFallbackDecoder.ByteOf(token) is not null) return "";
        if (_window.Count < _next) return "";
        string text = Decode();
        // Bytes that may still become a character stand at the end as one U+FFFD.
        int certain = text.EndsWith('\uFFFD') ? text.Length - 1 : text.Length;
        string added = certain > _given ? text[_given..certain] : "";
        _given = Math.Max(_given, certain);
        if (_window.Count > LongestWindow) Shorten(text, certain);
        // Tokens without text cannot be let go of. They are decoded again when there are a quarter more of them, so that all of them together take linear time.
        _next = _window.Count > LongestWindow ? _window.Count + (_window.Count / 4) : 0;
        return _cleans ? Clean(added) : added;
    }

    /// <summary>Gives the rest and starts again.</summary>
    public string Complete()
    {
        string text = Decode();
        string added = text[Math.Min(_given, text.Length)..];
        if (_cleans)
        {
            added = TextCleanUp.Apply(_held.Append(added).ToString());
            _held.Clear();
        }
        _window.Clear();
        (_given, _next) = (0, 0);
        return added;
    }

    private string Decode() => _tokenizer.Decode(System.Runtime.InteropServices.CollectionsMarshal.AsSpan(_window), _skipSpecialTokens, cleanUp: false);

    // Only the last tokens matter to what follows, as long as they have some text: what begins a text may lose its space.
    private void Shorten(string text, int certain)
    {
        int open = text.Length - certain;
        for (int least = Kept; least <= _window.Count / 2; least *= 2)
        {
            // Where the first token that is kept begins within a character, one of the next three does not.
            for (int kept = least; kept < least + 4; kept++)
            {
                string rest = _tokenizer.Decode([.. _window[^kept..]], _skipSpecialTokens, cleanUp: false);
                if (rest.Length <= open || !text.EndsWith(rest, StringComparison.Ordinal)) continue;
                _window.RemoveRange(0, _window.Count - kept);
                _given = rest.Length - open;
                return;
            }
        }
    }

    private string Clean(string added)
    {
        _held.Append(added);
        string text = _held.ToString();
        int cut = text.LastIndexOf(' ');
        while (cut > 0 && !IsSafe(text.AsSpan(0, cut), text.AsSpan(cut))) cut = text.LastIndexOf(' ', cut - 1);
        if (cut <= 0) return "";
        _held.Clear().Append(text, cut, text.Length - cut);
        return TextCleanUp.Apply(text[..cut]);
    }

    // Every rule begins with a space; none but that of the lone apostrophe has another.
    // Where that one takes both of its spaces away, a rule may fit that did not before.
    private static bool IsSafe(ReadOnlySpan<char> before, ReadOnlySpan<char> rest)
    {
        if (before.EndsWith(" '")) return false;
        bool apostrophe = rest.Length < 3 ? " ' ".AsSpan().StartsWith(rest) : rest.StartsWith(" ' ");
        return !(apostrophe && (before[^1] == ' ' || before.EndsWith(" n")));
    }
}
