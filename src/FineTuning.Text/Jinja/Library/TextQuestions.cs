using System.Globalization;
using System.Text;

namespace FineTuning.Text.Jinja;

/// <summary>isalpha and its kin.</summary>
internal static class TextQuestions
{
    public static IReadOnlyDictionary<string, Func<string, bool>> All { get; } = new Dictionary<string, Func<string, bool>>(StringComparer.Ordinal)
    {
        ["isalpha"] = text => Every(text, IsLetter),
        ["isdigit"] = text => Every(text, IsDigit),
        ["isdecimal"] = text => Every(text, rune => Rune.GetUnicodeCategory(rune) == UnicodeCategory.DecimalDigitNumber),
        ["isnumeric"] = text => Every(text, IsNumeric),
        ["isalnum"] = text => Every(text, rune => IsLetter(rune) || IsNumeric(rune)),
        ["isspace"] = text => Every(text, rune => rune.IsBmp && WhiteSpace.Is((char)rune.Value)),
        ["islower"] = text => IsLower(text),
        ["isupper"] = text => IsUpper(text),
        ["istitle"] = IsTitle,
        ["isascii"] = text => text.All(char.IsAscii),
        ["isprintable"] = text => text.EnumerateRunes().All(rune => Printing.IsPrintable(rune.Value)),
        ["isidentifier"] = text => text.Length > 0 && !char.IsDigit(text[0])
            && text.EnumerateRunes().All(rune => rune.Value == '_' || IsLetter(rune)
                || Rune.GetUnicodeCategory(rune) is UnicodeCategory.DecimalDigitNumber or UnicodeCategory.NonSpacingMark),
    };

    /// <summary>Has letters with cases, and all of them are lower.</summary>
    public static bool IsLower(string text) => AllOf(text, UnicodeCategory.LowercaseLetter);

    /// <summary>Has letters with cases, and all of them are upper.</summary>
    public static bool IsUpper(string text) => AllOf(text, UnicodeCategory.UppercaseLetter);

    private static bool AllOf(string text, UnicodeCategory wanted)
    {
        bool any = false;
        foreach (Rune rune in text.EnumerateRunes())
        {
            UnicodeCategory category = Rune.GetUnicodeCategory(rune);
            if (category is not (UnicodeCategory.UppercaseLetter or UnicodeCategory.LowercaseLetter or UnicodeCategory.TitlecaseLetter)) continue;
            if (category != wanted) return false;
            any = true;
        }
        return any;
    }

    private static bool IsTitle(string text)
    {
        bool any = false, inside = false;
        foreach (Rune rune in text.EnumerateRunes())
        {
            UnicodeCategory category = Rune.GetUnicodeCategory(rune);
            bool opens = category is UnicodeCategory.UppercaseLetter or UnicodeCategory.TitlecaseLetter,
                cased = opens || category == UnicodeCategory.LowercaseLetter;
            if (cased && opens == inside) return false;
            any |= cased;
            inside = cased;
        }
        return any;
    }

    private static bool Every(string text, Func<Rune, bool> holds) => text.Length > 0 && text.EnumerateRunes().All(holds);

    private static bool IsLetter(Rune rune) =>
        Rune.GetUnicodeCategory(rune) is UnicodeCategory.UppercaseLetter or UnicodeCategory.LowercaseLetter or UnicodeCategory.TitlecaseLetter
        or UnicodeCategory.ModifierLetter or UnicodeCategory.OtherLetter;

    private static bool IsDigit(Rune rune) => Rune.GetUnicodeCategory(rune) == UnicodeCategory.DecimalDigitNumber
        || (rune.IsBmp && CharUnicodeInfo.GetDigitValue((char)rune.Value) >= 0);

    private static bool IsNumeric(Rune rune) =>
        Rune.GetNumericValue(rune) >= 0 || Rune.GetUnicodeCategory(rune) is UnicodeCategory.LetterNumber or UnicodeCategory.OtherNumber;
}
