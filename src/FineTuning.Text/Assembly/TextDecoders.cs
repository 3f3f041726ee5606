using System.Globalization;
using System.Text;

namespace FineTuning.Text;

/// <summary>Several decoders, each rewriting what the one before left.</summary>
internal sealed class SequenceDecoder(IReadOnlyList<Decoder> steps) : Decoder
{
    /// <summary>The steps, those of chains within the chain among them.</summary>
    public IReadOnlyList<Decoder> Steps { get; } = [.. steps.SelectMany(step => step is SequenceDecoder inner ? inner.Steps : [step])];

    public override List<string> Apply(List<string> tokens)
    {
        long most = TextGrowth.Most(TextGrowth.Length(tokens));
        foreach (Decoder step in Steps)
        {
            tokens = step.Apply(tokens);
            TextGrowth.Check(TextGrowth.Length(tokens), most);
        }
        return tokens;
    }
}

/// <summary>Replaces what a pattern finds in each token.</summary>
internal sealed class ReplaceDecoder(SplitPattern pattern, string content) : Decoder
{
    public override List<string> Apply(List<string> tokens)
    {
        long written = 0, most = TextGrowth.Most(TextGrowth.Length(tokens));
        return tokens.ConvertAll(token =>
        {
            string replaced = pattern.Text is { Length: > 0 } literal && written + ((long)token.Length * (content.Length + 1)) <= most
                ? token.Replace(literal, content, StringComparison.Ordinal)
                : Replaced(token, written, most);
            written += replaced.Length;
            return replaced;
        });
    }

    private string Replaced(string token, long written, long most)
    {
        StringBuilder? text = null;
        int done = 0;
        foreach ((int start, int end) in pattern.Find(token))
        {
            text ??= new StringBuilder();
            text.Append(token, done, start - done).Append(content);
            done = end;
            TextGrowth.Check(written + text.Length, most);
        }
        return text is null ? token : text.Append(token, done, token.Length - done).ToString();
    }
}

/// <summary>Tokens of the form &lt;0xNN&gt; become bytes; a run of them that is not UTF-8 as a whole gives one U+FFFD a byte.</summary>
internal sealed class ByteFallbackDecoder : Decoder
{
    private static readonly UTF8Encoding Strict = new(false, throwOnInvalidBytes: true);

    public override List<string> Apply(List<string> tokens)
    {
        var output = new List<string>(tokens.Count);
        var bytes = new List<byte>();
        foreach (string token in tokens)
        {
            if (ByteOf(token) is { } value)
            {
                bytes.Add(value);
                continue;
            }
            Flush(bytes, output);
            output.Add(token);
        }
        Flush(bytes, output);
        return output;
    }

    /// <summary>The byte a token stands for. Null: none.</summary>
    public static byte? ByteOf(string token) =>
        token is ['<', '0', 'x', _, _, '>'] && byte.TryParse(token.AsSpan(3, 2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out byte value)
            ? value : null;

    private static void Flush(List<byte> bytes, List<string> output)
    {
        if (bytes.Count == 0) return;
        try
        {
            output.Add(Strict.GetString([.. bytes]));
        }
        catch (DecoderFallbackException)
        {
            output.AddRange(Enumerable.Repeat("\uFFFD", bytes.Count));
        }
        bytes.Clear();
    }
}

/// <summary>All tokens as one.</summary>
internal sealed class FuseDecoder : Decoder
{
    public override List<string> Apply(List<string> tokens) => [string.Concat(tokens)];
}

/// <summary>Takes a character off the ends of each token, so many times at most.</summary>
internal sealed class StripDecoder(Rune content, int start, int stop) : Decoder
{
    public bool StripsEnd => stop > 0;

    public override List<string> Apply(List<string> tokens) => tokens.ConvertAll(token =>
    {
        string text = content.ToString();
        int from = 0, to = token.Length;
        for (int i = 0; i < start && token.AsSpan(from).StartsWith(text, StringComparison.Ordinal); i++) from += text.Length;
        for (int i = 0; i < stop && to - text.Length >= from && token.AsSpan(0, to).EndsWith(text, StringComparison.Ordinal); i++) to -= text.Length;
        return token[from..to];
    });
}

/// <summary>SentencePiece's mark becomes a space; in the first token it is dropped where texts were given one.</summary>
internal sealed class MetaspaceDecoder(char mark, PrependScheme scheme) : Decoder
{
    public override List<string> Apply(List<string> tokens)
    {
        var output = tokens.ConvertAll(token => token.Replace(mark, ' '));
        if (tokens.Count > 0 && scheme != PrependScheme.Never) output[0] = tokens[0].Replace(mark.ToString(), "", StringComparison.Ordinal);
        return output;
    }
}

/// <summary>Words that end in a suffix.</summary>
internal sealed class SuffixDecoder(string suffix) : Decoder
{
    public string Suffix => suffix;

    public override List<string> Apply(List<string> tokens)
    {
        if (suffix.Length == 0) return tokens;
        var output = tokens.ConvertAll(token => token.Replace(suffix, " ", StringComparison.Ordinal));
        if (tokens.Count > 0) output[^1] = tokens[^1].Replace(suffix, "", StringComparison.Ordinal);
        return output;
    }
}

/// <summary>
/// The output of connectionist temporal classification (Graves et al. 2006): repeated tokens once, padding dropped, a delimiter between words.
/// </summary>
internal sealed class ConnectionistDecoder(string padding, string delimiter, bool cleanUp) : Decoder
{
    public override List<string> Apply(List<string> tokens)
    {
        var output = new List<string>();
        string? last = null;
        foreach (string token in tokens)
        {
            if (token == last) continue;
            last = token;
            string text = padding.Length == 0 ? token : token.Replace(padding, "", StringComparison.Ordinal);
            if (cleanUp) text = TextCleanUp.Token(text);
            if (cleanUp && delimiter.Length > 0) text = text.Replace(delimiter, " ", StringComparison.Ordinal);
            if (text.Length > 0) output.Add(text);
        }
        return output;
    }
}
