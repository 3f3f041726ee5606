using System.Globalization;
using System.Text;

namespace FineTuning.Metrics;

/// <summary>Answers as the official SQuAD scripts compare them: lower case, without ASCII punctuation, without a, an and the, single spaces.</summary>
internal static class AnswerText
{
    private const string Punctuation = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~";

    private static readonly string[] Articles = ["a", "an", "the"];

    // Word_Break=MidLetter, MidNumLet and Single_Quote: with marks and signs they do not end a word where a final sigma is looked for.
    private const string InsideWords = "'.:\u00B7\u0387\u055F\u05F4\u2018\u2019\u2024\u2027\uFE13\uFE52\uFE55\uFF07\uFF0E\uFF1A";

    /// <summary>The text as it is compared.</summary>
    public static string Normalize(string text) => string.Join(' ', Tokens(text));

    /// <summary>The words that are compared.</summary>
    public static string[] Tokens(string text)
    {
        string lower = Lower(text);
        var kept = new StringBuilder(lower.Length);
        foreach (char character in lower) if (!Punctuation.Contains(character)) kept.Append(character);
        WithoutArticles(kept);
        return Words(kept.ToString());
    }

    /// <summary>Whether the two are the same after normalization.</summary>
    public static bool IsExact(string prediction, string reference) => Normalize(prediction) == Normalize(reference);

    /// <summary>2 p r / (p + r) over words, counted as often as they occur.</summary>
    /// <param name="prediction">What was answered.</param>
    /// <param name="reference">What is right.</param>
    /// <param name="emptyEqualsEmpty">Version 2: 1 where both are empty, 0 where one is. Version 1: 0 wherever no word is shared.</param>
    public static double F1(string prediction, string reference, bool emptyEqualsEmpty)
    {
        string[] predicted = Tokens(prediction), expected = Tokens(reference);
        if (emptyEqualsEmpty && (predicted.Length == 0 || expected.Length == 0)) return predicted.Length == expected.Length ? 1 : 0;
        Dictionary<string, int> left = expected.CountBy(word => word, StringComparer.Ordinal).ToDictionary(StringComparer.Ordinal);
        int same = 0;
        foreach (string word in predicted)
        {
            if (!left.TryGetValue(word, out int count) || count == 0) continue;
            left[word] = count - 1;
            same++;
        }
        if (same == 0) return 0;
        double precision = (double)same / predicted.Length, recall = (double)same / expected.Length;
        return 2 * precision * recall / (precision + recall);
    }

    /// <summary>White space as the reference splits at it: Unicode's, and the four separators U+001C to U+001F.</summary>
    public static bool IsSpace(char character) => character is >= '\u001C' and <= '\u001F' || char.IsWhiteSpace(character);

    // The pattern \b(a|an|the)\b: what stands between two characters that are no letters, digits or numbers. Marks are none of these, as in the reference.
    private static void WithoutArticles(StringBuilder text)
    {
        string whole = text.ToString();
        text.Clear();
        for (int i = 0; i < whole.Length;)
        {
            if (!IsWord(whole, i, out int width))
            {
                text.Append(whole, i, width);
                i += width;
                continue;
            }
            int end = i;
            while (end < whole.Length && IsWord(whole, end, out width)) end += width;
            string word = whole[i..end];
            text.Append(Articles.Contains(word) ? " " : word);
            i = end;
        }
    }

    private static bool IsWord(string text, int index, out int width)
    {
        bool pair = index + 1 < text.Length && char.IsSurrogatePair(text[index], text[index + 1]);
        width = pair ? 2 : 1;
        return (pair ? CharUnicodeInfo.GetUnicodeCategory(char.ConvertToUtf32(text[index], text[index + 1]))
            : CharUnicodeInfo.GetUnicodeCategory(text[index])) is
            UnicodeCategory.UppercaseLetter or UnicodeCategory.LowercaseLetter or UnicodeCategory.TitlecaseLetter
                or UnicodeCategory.ModifierLetter or UnicodeCategory.OtherLetter
            or UnicodeCategory.DecimalDigitNumber or UnicodeCategory.LetterNumber or UnicodeCategory.OtherNumber;
    }

    /// <summary>What stands between white space, as the references split.</summary>
    public static string[] Words(string text)
    {
        var words = new List<string>();
        for (int i = 0; i < text.Length;)
        {
            int end = i;
            while (end < text.Length && !IsSpace(text[end])) end++;
            if (end > i) words.Add(text[i..end]);
            i = end + 1;
        }
        return [.. words];
    }

    /// <summary>Unicode's full lower case: a dotted capital I becomes two characters, a sigma at the end of a word the final one.</summary>
    public static string Lower(string text)
    {
        var lower = new StringBuilder(text.Length);
        foreach (Rune rune in text.EnumerateRunes()) lower.Append(Rune.ToLowerInvariant(rune).ToString());
        string result = lower.ToString();
        if (text.AsSpan().IndexOfAny('\u0130', '\u03A3') < 0) return result;
        lower.Clear();
        for (int i = 0; i < text.Length; i++)
        {
            if (text[i] == '\u0130') lower.Append("i\u0307");
            else if (text[i] == '\u03A3') lower.Append(IsFinal(text, i) ? '\u03C2' : '\u03C3');
            else if (char.IsHighSurrogate(text[i]) && i + 1 < text.Length && char.IsLowSurrogate(text[i + 1]))
                lower.Append(Rune.ToLowerInvariant(new Rune(text[i], text[++i])).ToString());
            else lower.Append(char.ToLowerInvariant(text[i]));
        }
        return lower.ToString();
    }

    // Unicode's Final_Sigma: a cased letter before it and none after it, marks and apostrophes between not counted.
    private static bool IsFinal(string text, int index)
    {
        int before = index - 1, after = index + 1;
        while (before >= 0 && IsIgnorable(text[before])) before--;
        while (after < text.Length && IsIgnorable(text[after])) after++;
        return before >= 0 && IsCased(text[before]) && (after >= text.Length || !IsCased(text[after]));
    }

    private static bool IsIgnorable(char character) => InsideWords.Contains(character) || char.GetUnicodeCategory(character) is
        UnicodeCategory.NonSpacingMark or UnicodeCategory.EnclosingMark or UnicodeCategory.Format
            or UnicodeCategory.ModifierLetter or UnicodeCategory.ModifierSymbol;

    private static bool IsCased(char character) => char.GetUnicodeCategory(character) is
        UnicodeCategory.UppercaseLetter or UnicodeCategory.LowercaseLetter or UnicodeCategory.TitlecaseLetter
        || character is 'ª' or 'º' or (>= '\u2160' and <= '\u217F') or (>= '\u24B6' and <= '\u24E9');
}
