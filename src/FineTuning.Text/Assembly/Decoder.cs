using System.Runtime.InteropServices;
using System.Text;

namespace FineTuning.Text;

/// <summary>A step from tokens back to text. Immutable and thread-safe.</summary>
internal abstract class Decoder
{
    /// <summary>Rewrites the tokens; the text is what they give when joined.</summary>
    public abstract List<string> Apply(List<string> tokens);
}

/// <summary>WordPiece: pieces with the prefix are joined to the one before, the others by a space; clean-up of single tokens where asked for.</summary>
internal sealed class WordPieceDecoder(string prefix, bool cleanUp) : Decoder
{
    public override List<string> Apply(List<string> tokens)
    {
        var output = new List<string>(tokens.Count);
        for (int i = 0; i < tokens.Count; i++)
        {
            string token = tokens[i];
            if (i > 0) token = token.StartsWith(prefix, StringComparison.Ordinal) ? token[prefix.Length..] : " " + token;
            output.Add(cleanUp ? TextCleanUp.Token(token) : token);
        }
        return output;
    }
}

/// <summary>The bytes of all tokens together as UTF-8; what is none becomes U+FFFD.</summary>
internal sealed class ByteLevelDecoder : Decoder
{
    public override List<string> Apply(List<string> tokens)
    {
        var bytes = new List<byte>();
        foreach (string token in tokens)
        {
            // A token with a character outside the alphabet (an added one) stands for itself.
            int before = bytes.Count;
            if (TrySpell(token, bytes)) continue;
            CollectionsMarshal.SetCount(bytes, before);
            bytes.AddRange(Encoding.UTF8.GetBytes(token));
        }
        return [Encoding.UTF8.GetString(CollectionsMarshal.AsSpan(bytes))];
    }

    private static bool TrySpell(string token, List<byte> bytes)
    {
        foreach (char letter in token)
        {
            if (!ByteAlphabet.TryByte(letter, out byte value)) return false;
            bytes.Add(value);
        }
        return true;
    }
}

/// <summary>English spacing put right after decoding, as the reference's clean_up_tokenization_spaces does.</summary>
internal static class TextCleanUp
{
    private static readonly (string From, string To)[] Text =
    [
        (" .", "."), (" ?", "?"), (" !", "!"), (" ,", ","), (" ' ", "'"), (" n't", "n't"), (" 'm", "'m"), (" 's", "'s"), (" 've", "'ve"), (" 're", "'re"),
    ];

    private static readonly (string From, string To)[] Tokens = [.. Text[..6], (" 'm", "'m"), (" do not", " don't"), .. Text[7..]];

    public static string Apply(string text) => Replace(text, Text);

    public static string Token(string text) => Replace(text, Tokens);

    private static string Replace(string text, (string From, string To)[] rules)
    {
        foreach ((string from, string to) in rules) text = text.Replace(from, to, StringComparison.Ordinal);
        return text;
    }
}
