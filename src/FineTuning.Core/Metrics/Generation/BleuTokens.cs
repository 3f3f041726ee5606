using System.Globalization;
using System.Text;

namespace FineTuning.Metrics;

/// <summary>The words that BLEU counts, cut as sacrebleu cuts them.</summary>
internal static class BleuTokens
{
    // Blocks whose characters count as Chinese. The first is what sacrebleu's five-digit escapes come to:
    // symbols and dashes, but no ideograph beyond the first plane.
    private static readonly (int First, int Last)[] Chinese =
    [
        (0x2001, 0x2A6D), (0x2E80, 0x2EFF), (0x2F00, 0x2FDF), (0x2FF0, 0x2FFF), (0x3000, 0x303F), (0x3100, 0x312F), (0x31A0, 0x31BF),
        (0x31C0, 0x31EF), (0x3200, 0x33FF), (0x3400, 0x4DB5), (0x4E00, 0x9FBB), (0xF900, 0xFA2D), (0xFA30, 0xFA6A), (0xFA70, 0xFAD9),
        (0xFE10, 0xFE1F), (0xFE30, 0xFE4F), (0xFF00, 0xFFEF),
    ];

    public static string[] Of(string text, BleuTokenization tokenization)
    {
        text = TrimmedEnd(text);
        return tokenization switch
        {
            BleuTokenization.V13a => Western($" {Unescaped(text)} "),
            BleuTokenization.International => International(text),
            BleuTokenization.Chinese => Western(SpacedChinese(text)),
            BleuTokenization.Characters => [.. text.EnumerateRunes().Select(rune => rune.ToString()).Where(character => !AnswerText.IsSpace(character[0]))],
            _ => AnswerText.Words(text),
        };
    }

    private static string Unescaped(string text) => text.Replace("<skipped>", "", StringComparison.Ordinal).Replace("-\n", "", StringComparison.Ordinal)
        .Replace("&quot;", "\"", StringComparison.Ordinal).Replace("&amp;", "&", StringComparison.Ordinal).Replace("&lt;", "<", StringComparison.Ordinal)
        .Replace("&gt;", ">", StringComparison.Ordinal);

    /// <summary>ASCII punctuation apart; a period or comma unless digits stand on both sides; a dash behind a digit.</summary>
    internal static string[] Western(string text)
    {
        text = Around(text, IsWesternMark);
        text = Behind(text, character => !IsDigit(character), character => character is '.' or ',');
        text = Before(text, character => character is '.' or ',', character => !IsDigit(character));
        return AnswerText.Words(Behind(text, IsDigit, character => character == '-'));
    }

    /// <summary>A space on both sides of each such character.</summary>
    internal static string Around(string text, Func<int, bool> belongs) => Rewrite(text, belongs, null, " {0} ");

    /// <summary>Where a character of the second kind follows one of the first, spaces around the second.</summary>
    internal static string Behind(string text, Func<int, bool> first, Func<int, bool> second) => Rewrite(text, first, second, "{0} {1} ");

    /// <summary>Where a character of the second kind follows one of the first, spaces around the first.</summary>
    internal static string Before(string text, Func<int, bool> first, Func<int, bool> second) => Rewrite(text, first, second, " {0} {1}");

    // { to ~, [ to `, space to &, ( to +, : to @, and the slash.
    internal static bool IsWesternMark(int character) =>
        character is (>= '{' and <= '~') or (>= '[' and <= '`') or (>= ' ' and <= '&') or (>= '(' and <= '+') or (>= ':' and <= '@') or '/';

    private static string[] International(string text)
    {
        text = Behind(text, character => !IsNumber(character), IsPunctuation);
        text = Before(text, IsPunctuation, character => !IsNumber(character));
        return AnswerText.Words(Around(text, IsSymbol));
    }

    private static string SpacedChinese(string text)
    {
        while (text.Length > 0 && AnswerText.IsSpace(text[0])) text = text[1..];
        return Around(text, character => Array.Exists(Chinese, range => character >= range.First && character <= range.Last));
    }

    /// <summary>One substitution from left to right over code points; what was replaced is not looked at again.</summary>
    private static string Rewrite(string text, Func<int, bool> first, Func<int, bool>? second, string pattern)
    {
        Rune[] runes = [.. text.EnumerateRunes()];
        var result = new StringBuilder(text.Length * 2);
        for (int i = 0; i < runes.Length; i++)
        {
            bool matches = first(runes[i].Value) && (second is null || (i + 1 < runes.Length && second(runes[i + 1].Value)));
            if (!matches) result.Append(runes[i].ToString());
            else if (second is null) result.AppendFormat(CultureInfo.InvariantCulture, pattern, runes[i]);
            else result.AppendFormat(CultureInfo.InvariantCulture, pattern, runes[i], runes[++i]);
        }
        return result.ToString();
    }

    private static string TrimmedEnd(string text)
    {
        int end = text.Length;
        while (end > 0 && AnswerText.IsSpace(text[end - 1])) end--;
        return text[..end];
    }

    private static bool IsDigit(int character) => character is >= '0' and <= '9';

    private static bool IsNumber(int character) =>
        CharUnicodeInfo.GetUnicodeCategory(character) is UnicodeCategory.DecimalDigitNumber or UnicodeCategory.LetterNumber or UnicodeCategory.OtherNumber;

    private static bool IsPunctuation(int character) =>
        CharUnicodeInfo.GetUnicodeCategory(character) is UnicodeCategory.ConnectorPunctuation
            or UnicodeCategory.DashPunctuation or UnicodeCategory.OpenPunctuation
        or UnicodeCategory.ClosePunctuation or UnicodeCategory.InitialQuotePunctuation or UnicodeCategory.FinalQuotePunctuation
            or UnicodeCategory.OtherPunctuation;

    private static bool IsSymbol(int character) => CharUnicodeInfo.GetUnicodeCategory(character) is
        UnicodeCategory.MathSymbol or UnicodeCategory.CurrencySymbol or UnicodeCategory.ModifierSymbol or UnicodeCategory.OtherSymbol;
}
