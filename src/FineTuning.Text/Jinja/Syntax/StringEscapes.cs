using System.Globalization;
using System.Text;

namespace FineTuning.Text.Jinja;

/// <summary>String literals as Python reads them: an escape that is not known stays with its backslash.</summary>
internal static class StringEscapes
{
    public static string Resolve(ReadOnlySpan<char> literal)
    {
        if (literal.IndexOf('\\') < 0) return literal.ToString();
        var text = new StringBuilder(literal.Length);
        for (int i = 0; i < literal.Length; i++)
        {
            if (literal[i] != '\\')
            {
                text.Append(literal[i]);
                continue;
            }
            char kind = literal[++i];
            switch (kind)
            {
                case '\n': break;
                case '\\' or '\'' or '"': text.Append(kind); break;
                case 'n': text.Append('\n'); break;
                case 't': text.Append('\t'); break;
                case 'r': text.Append('\r'); break;
                case 'a': text.Append('\a'); break;
                case 'b': text.Append('\b'); break;
                case 'f': text.Append('\f'); break;
                case 'v': text.Append('\v'); break;
                case 'x': i += Hexadecimal(literal, i + 1, 2, text); break;
                case 'u': i += Hexadecimal(literal, i + 1, 4, text); break;
                case 'U': i += Hexadecimal(literal, i + 1, 8, text); break;
                case 'N': throw new TemplateFault("characters by name (\\N{...}) are not supported; write \\u and four digits");
                case >= '0' and <= '7': i += Octal(literal, i, text) - 1; break;
                default: Unknown(literal, ref i, text); break;
            }
        }
        return text.ToString();
    }

    private static int Hexadecimal(ReadOnlySpan<char> literal, int at, int digits, StringBuilder text)
    {
        if (at + digits > literal.Length || !int.TryParse(
            literal.Slice(at, digits), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out int value) || value is < 0 or > 0x10FFFF)
        {
            throw new TemplateFault($"a string has an escape without its {digits} hexadecimal digits");
        }
        Append(value, text);
        return digits;
    }

    private static int Octal(ReadOnlySpan<char> literal, int at, StringBuilder text)
    {
        int length = 0, value = 0;
        while (length < 3 && at + length < literal.Length && literal[at + length] is >= '0' and <= '7') value = (value * 8) + literal[at + length++] - '0';
        Append(value, text);
        return length;
    }

    // The reference writes other characters as escapes before it resolves any; behind a backslash what it wrote is no escape any more.
    private static void Unknown(ReadOnlySpan<char> literal, ref int i, StringBuilder text)
    {
        text.Append('\\');
        if (literal[i] < 0x80)
        {
            text.Append(literal[i]);
            return;
        }
        int point = literal[i];
        if (char.IsHighSurrogate(literal[i]) && i + 1 < literal.Length && char.IsLowSurrogate(literal[i + 1]))
            point = char.ConvertToUtf32(literal[i], literal[++i]);
        text.Append(point <= 0xFF ? $"x{point:x2}" : point <= 0xFFFF ? $"u{point:x4}" : $"U{point:x8}");
    }

    private static void Append(int point, StringBuilder text)
    {
        if (point is >= 0xD800 and <= 0xDFFF or <= 0xFFFF) text.Append((char)point);
        else text.Append(new Rune(point).ToString());
    }
}
