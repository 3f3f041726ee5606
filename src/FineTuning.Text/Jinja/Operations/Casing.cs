using System.Text;

namespace FineTuning.Text.Jinja;

/// <summary>Upper, lower and title case with Unicode's full mappings, which may make a text longer.</summary>
internal static class Casing
{
    // A character and what it becomes, where that is not one character: SpecialCasing.txt.
    private const string LongUpper =
        "ßSS ŉ\u02BCN ǰJ\u030C \u0390\u0399\u0308\u0301 \u03B0\u03A5\u0308\u0301 \u0587\u0535\u0552 \u1E96H\u0331 \u1E97T\u0308 \u1E98W\u030A \u1E99Y\u030A "
        + "\u1E9AA\u02BE \u1F50\u03A5\u0313 \u1F52\u03A5\u0313\u0300 \u1F54\u03A5\u0313\u0301 \u1F56\u03A5\u0313\u0342 \u1F80\u1F08\u0399 "
        + "\u1F81\u1F09\u0399 \u1F82\u1F0A\u0399 \u1F83\u1F0B\u0399 \u1F84\u1F0C\u0399 \u1F85\u1F0D\u0399 \u1F86\u1F0E\u0399 "
        + "\u1F87\u1F0F\u0399 \u1F88\u1F08\u0399 \u1F89\u1F09\u0399 \u1F8A\u1F0A\u0399 \u1F8B\u1F0B\u0399 \u1F8C\u1F0C\u0399 "
        + "\u1F8D\u1F0D\u0399 \u1F8E\u1F0E\u0399 \u1F8F\u1F0F\u0399 \u1F90\u1F28\u0399 \u1F91\u1F29\u0399 \u1F92\u1F2A\u0399 "
        + "\u1F93\u1F2B\u0399 \u1F94\u1F2C\u0399 \u1F95\u1F2D\u0399 \u1F96\u1F2E\u0399 \u1F97\u1F2F\u0399 \u1F98\u1F28\u0399 "
        + "\u1F99\u1F29\u0399 \u1F9A\u1F2A\u0399 \u1F9B\u1F2B\u0399 \u1F9C\u1F2C\u0399 \u1F9D\u1F2D\u0399 \u1F9E\u1F2E\u0399 "
        + "\u1F9F\u1F2F\u0399 \u1FA0\u1F68\u0399 \u1FA1\u1F69\u0399 \u1FA2\u1F6A\u0399 \u1FA3\u1F6B\u0399 \u1FA4\u1F6C\u0399 "
        + "\u1FA5\u1F6D\u0399 \u1FA6\u1F6E\u0399 \u1FA7\u1F6F\u0399 \u1FA8\u1F68\u0399 \u1FA9\u1F69\u0399 \u1FAA\u1F6A\u0399 "
        + "\u1FAB\u1F6B\u0399 \u1FAC\u1F6C\u0399 \u1FAD\u1F6D\u0399 \u1FAE\u1F6E\u0399 \u1FAF\u1F6F\u0399 \u1FB2\u1FBA\u0399 "
        + "\u1FB3\u0391\u0399 \u1FB4\u0386\u0399 \u1FB6\u0391\u0342 \u1FB7\u0391\u0342\u0399 \u1FBC\u0391\u0399 \u1FC2\u1FCA\u0399 "
        + "\u1FC3\u0397\u0399 \u1FC4\u0389\u0399 \u1FC6\u0397\u0342 \u1FC7\u0397\u0342\u0399 \u1FCC\u0397\u0399 \u1FD2\u0399\u0308\u0300 "
        + "\u1FD3\u0399\u0308\u0301 \u1FD6\u0399\u0342 \u1FD7\u0399\u0308\u0342 \u1FE2\u03A5\u0308\u0300 \u1FE3\u03A5\u0308\u0301 "
        + "\u1FE4\u03A1\u0313 \u1FE6\u03A5\u0342 \u1FE7\u03A5\u0308\u0342 \u1FF2\u1FFA\u0399 \u1FF3\u03A9\u0399 \u1FF4\u038F\u0399 "
        + "\u1FF6\u03A9\u0342 \u1FF7\u03A9\u0342\u0399 \u1FFC\u03A9\u0399 \uFB00FF \uFB01FI \uFB02FL \uFB03FFI \uFB04FFL \uFB05ST \uFB06ST "
        + "\uFB13\u0544\u0546 \uFB14\u0544\u0535 \uFB15\u0544\u053B \uFB16\u054E\u0546 \uFB17\u0544\u053D";

    // A character and its title case, where that is not its upper case.
    private const string OwnTitle =
        "ßSs Ǆǅ ǅǅ ǆǅ Ǉǈ ǈǈ ǉǈ Ǌǋ ǋǋ ǌǋ Ǳǲ ǲǲ ǳǲ \u0587\u0535\u0582 \u10D0\u10D0 \u10D1\u10D1 \u10D2\u10D2 \u10D3\u10D3 \u10D4\u10D4 \u10D5\u10D5 \u10D6\u10D6 "
        + "\u10D7\u10D7 \u10D8\u10D8 \u10D9\u10D9 \u10DA\u10DA \u10DB\u10DB \u10DC\u10DC \u10DD\u10DD \u10DE\u10DE \u10DF\u10DF \u10E0\u10E0 "
        + "\u10E1\u10E1 \u10E2\u10E2 \u10E3\u10E3 \u10E4\u10E4 \u10E5\u10E5 \u10E6\u10E6 \u10E7\u10E7 \u10E8\u10E8 \u10E9\u10E9 \u10EA\u10EA "
        + "\u10EB\u10EB \u10EC\u10EC \u10ED\u10ED \u10EE\u10EE \u10EF\u10EF \u10F0\u10F0 \u10F1\u10F1 \u10F2\u10F2 \u10F3\u10F3 \u10F4\u10F4 "
        + "\u10F5\u10F5 \u10F6\u10F6 \u10F7\u10F7 \u10F8\u10F8 \u10F9\u10F9 \u10FA\u10FA \u10FD\u10FD \u10FE\u10FE \u10FF\u10FF \u1F80\u1F88 "
        + "\u1F81\u1F89 \u1F82\u1F8A \u1F83\u1F8B \u1F84\u1F8C \u1F85\u1F8D \u1F86\u1F8E \u1F87\u1F8F \u1F88\u1F88 \u1F89\u1F89 \u1F8A\u1F8A "
        + "\u1F8B\u1F8B \u1F8C\u1F8C \u1F8D\u1F8D \u1F8E\u1F8E \u1F8F\u1F8F \u1F90\u1F98 \u1F91\u1F99 \u1F92\u1F9A \u1F93\u1F9B \u1F94\u1F9C "
        + "\u1F95\u1F9D \u1F96\u1F9E \u1F97\u1F9F \u1F98\u1F98 \u1F99\u1F99 \u1F9A\u1F9A \u1F9B\u1F9B \u1F9C\u1F9C \u1F9D\u1F9D \u1F9E\u1F9E "
        + "\u1F9F\u1F9F \u1FA0\u1FA8 \u1FA1\u1FA9 \u1FA2\u1FAA \u1FA3\u1FAB \u1FA4\u1FAC \u1FA5\u1FAD \u1FA6\u1FAE \u1FA7\u1FAF \u1FA8\u1FA8 "
        + "\u1FA9\u1FA9 \u1FAA\u1FAA \u1FAB\u1FAB \u1FAC\u1FAC \u1FAD\u1FAD \u1FAE\u1FAE \u1FAF\u1FAF \u1FB2\u1FBA\u0345 \u1FB3\u1FBC "
        + "\u1FB4\u0386\u0345 \u1FB7\u0391\u0342\u0345 \u1FBC\u1FBC \u1FC2\u1FCA\u0345 \u1FC3\u1FCC \u1FC4\u0389\u0345 "
        + "\u1FC7\u0397\u0342\u0345 \u1FCC\u1FCC \u1FF2\u1FFA\u0345 \u1FF3\u1FFC \u1FF4\u038F\u0345 \u1FF7\u03A9\u0342\u0345 \u1FFC\u1FFC "
        + "\uFB00Ff \uFB01Fi \uFB02Fl \uFB03Ffi \uFB04Ffl \uFB05St \uFB06St \uFB13\u0544\u0576 \uFB14\u0544\u0565 \uFB15\u0544\u056B "
        + "\uFB16\u054E\u0576 \uFB17\u0544\u056D";

    private static readonly Dictionary<char, string> Upper = Read(LongUpper);
    private static readonly Dictionary<char, string> Title = Read(OwnTitle);

    public static string ToUpper(string text)
    {
        if (!text.AsSpan().ContainsAnyExceptInRange('\0', '\x7F')) return text.ToUpperInvariant();
        var upper = new StringBuilder(text.Length);
        foreach (Rune rune in text.EnumerateRunes()) AppendUpper(upper, rune);
        return upper.ToString();
    }

    public static string ToLower(string text)
    {
        if (!text.AsSpan().ContainsAnyExceptInRange('\0', '\x7F')) return text.ToLowerInvariant();
        var lower = new StringBuilder(text.Length);
        for (int i = 0; i < text.Length;) i += AppendLower(lower, text, i);
        return lower.ToString();
    }

    /// <summary>The first character in title case, the others in lower case.</summary>
    public static string Capitalize(string text)
    {
        if (text.Length == 0) return "";
        int first = CodePoints.LengthAt(text, 0);
        var capitalized = new StringBuilder(text.Length);
        AppendTitle(capitalized, text, 0);
        for (int i = first; i < text.Length;) i += AppendLower(capitalized, text, i);
        return capitalized.ToString();
    }

    /// <summary>Every letter behind something that is none in title case, the others in lower case.</summary>
    public static string ToTitle(string text)
    {
        var title = new StringBuilder(text.Length);
        bool inside = false;
        for (int i = 0; i < text.Length;)
        {
            int length = CodePoints.LengthAt(text, i);
            if (inside) AppendLower(title, text, i);
            else AppendTitle(title, text, i);
            inside = IsCased(text, i);
            i += length;
        }
        return title.ToString();
    }

    public static string Swapped(string text)
    {
        var swapped = new StringBuilder(text.Length);
        for (int i = 0; i < text.Length;)
        {
            int length = CodePoints.LengthAt(text, i);
            if (Category(text, i) == System.Globalization.UnicodeCategory.UppercaseLetter) AppendLower(swapped, text, i);
            else if (IsCased(text, i)) AppendUpper(swapped, Rune.TryGetRuneAt(text, i, out Rune rune) ? rune : Rune.ReplacementChar);
            else swapped.Append(text, i, length);
            i += length;
        }
        return swapped.ToString();
    }

    /// <summary>Lower case for comparisons that ignore it.</summary>
    public static string Folded(string text)
    {
        var folded = new StringBuilder(text.Length);
        foreach (Rune rune in text.EnumerateRunes())
        {
            if (rune.Value is 0xDF or 0x1E9E) folded.Append("ss");
            else if (rune.Value == 0x3C2) folded.Append('\u03C3');
            else if (rune.Value == 0x130) folded.Append("i\u0307");
            else if (rune.IsBmp && Upper.TryGetValue((char)rune.Value, out string? upper)) folded.Append(ToLower(upper));
            else folded.Append(Rune.ToLowerInvariant(rune).ToString());
        }
        return folded.ToString();
    }

    public static bool IsCased(string text, int index) => Category(text, index) is System.Globalization.UnicodeCategory.UppercaseLetter
        or System.Globalization.UnicodeCategory.LowercaseLetter or System.Globalization.UnicodeCategory.TitlecaseLetter;

    public static System.Globalization.UnicodeCategory Category(string text, int index) => System.Globalization.CharUnicodeInfo.GetUnicodeCategory(text, index);

    private static void AppendUpper(StringBuilder text, Rune rune)
    {
        if (rune.Value == 0x131) text.Append('I');
        else if (rune.IsBmp && Upper.TryGetValue((char)rune.Value, out string? upper)) text.Append(upper);
        else text.Append(Rune.ToUpperInvariant(rune).ToString());
    }

    private static void AppendTitle(StringBuilder text, string source, int index)
    {
        if (Title.TryGetValue(source[index], out string? title)) text.Append(title);
        else if (Rune.TryGetRuneAt(source, index, out Rune rune)) AppendUpper(text, rune);
        else text.Append(source[index]);
    }

    private static int AppendLower(StringBuilder text, string source, int index)
    {
        if (!Rune.TryGetRuneAt(source, index, out Rune rune))
        {
            text.Append(source[index]);
            return 1;
        }
        if (rune.Value == 0x130) text.Append("i\u0307");
        else if (rune.Value == 0x3A3) text.Append(IsFinal(source, index) ? '\u03C2' : '\u03C3');
        else text.Append(Rune.ToLowerInvariant(rune).ToString());
        return rune.Utf16SequenceLength;
    }

    // A sigma at the end of a word: a letter before it and none behind, signs that belong to letters ignored.
    private static bool IsFinal(string text, int index)
    {
        int before = index - 1, after = index + 1;
        while (before >= 0 && IsIgnorable(text, before)) before--;
        while (after < text.Length && IsIgnorable(text, after)) after++;
        return before >= 0 && IsCased(text, before) && !(after < text.Length && IsCased(text, after));
    }

    private static bool IsIgnorable(string text, int index) => text[index] is '\'' or '.' or ':' or '^' or '`' or '\u00A8' or '\u00B7' or '\u2019'
        || Category(text, index) is System.Globalization.UnicodeCategory.NonSpacingMark or System.Globalization.UnicodeCategory.EnclosingMark
            or System.Globalization.UnicodeCategory.Format
            or System.Globalization.UnicodeCategory.ModifierLetter or System.Globalization.UnicodeCategory.ModifierSymbol;

    private static Dictionary<char, string> Read(string table) => table.Split(' ').ToDictionary(entry => entry[0], entry => entry[1..]);
}
