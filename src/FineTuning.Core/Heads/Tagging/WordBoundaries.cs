using System.Globalization;
using System.Text;

namespace FineTuning.Heads;

/// <summary>
/// Where words begin and end in a text, the same for every tokenizer: runs of letters, digits and marks; every other character that is no space is a word
/// by itself, and so is every ideograph, since such texts have no spaces.
/// </summary>
internal static class WordBoundaries
{
    public static List<WordSpan> Of(string text)
    {
        var words = new List<WordSpan>();
        int start = -1;
        for (int i = 0; i < text.Length;)
        {
            if (!Rune.TryGetRuneAt(text, i, out Rune rune)) rune = Rune.ReplacementChar;
            int length = rune == Rune.ReplacementChar ? 1 : rune.Utf16SequenceLength;
            bool joins = Joins(rune);
            if (joins && start < 0) start = i;
            if (!joins)
            {
                if (start >= 0) words.Add(new(start, i));
                start = -1;
                if (!Rune.IsWhiteSpace(rune)) words.Add(new(i, i + length));
            }
            i += length;
        }
        if (start >= 0) words.Add(new(start, text.Length));
        return words;
    }

    private static bool Joins(Rune rune) => !IsIdeograph(rune.Value) && Rune.GetUnicodeCategory(rune) is
        UnicodeCategory.UppercaseLetter or UnicodeCategory.LowercaseLetter or UnicodeCategory.TitlecaseLetter
            or UnicodeCategory.ModifierLetter or UnicodeCategory.OtherLetter
        or UnicodeCategory.NonSpacingMark or UnicodeCategory.SpacingCombiningMark or UnicodeCategory.EnclosingMark
        or UnicodeCategory.DecimalDigitNumber or UnicodeCategory.LetterNumber or UnicodeCategory.OtherNumber
            or UnicodeCategory.ConnectorPunctuation or UnicodeCategory.Format;

    private static bool IsIdeograph(int point) =>
        point is (>= 0x3040 and <= 0x30FF) or (>= 0x3400 and <= 0x4DBF) or (>= 0x4E00 and <= 0x9FFF)
            or (>= 0xF900 and <= 0xFAFF) or (>= 0x20000 and <= 0x323AF);
}
