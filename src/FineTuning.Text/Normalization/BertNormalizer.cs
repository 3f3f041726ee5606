using System.Collections.Frozen;
using System.Text;

namespace FineTuning.Text;

/// <summary>
/// BERT's cleaning: controls dropped, white space made spaces, Chinese characters set apart, accents stripped, lower case; character by character.
/// </summary>
internal sealed class BertNormalizer : Normalizer
{
    private const int HangulFirst = 0xAC00, HangulLast = 0xD7A3;

    private static readonly CodePointSet Removed = UnicodeTables.Set("bert_clean.removed");
    private static readonly CodePointSet Spaces = UnicodeTables.Set("bert_clean.space");
    private static readonly CodePointSet Chinese = UnicodeTables.Set("bert_chinese.spaced");
    private static readonly CodePointSet Marks = UnicodeTables.Set("bert_strip_accents.removed");
    private static readonly FrozenDictionary<int, string> Bases = UnicodeTables.Map("bert_strip_accents.map");
    private static readonly FrozenDictionary<int, string> Lower = UnicodeTables.Map("lowercase.map");

    private static readonly UnicodeForm Decomposition = new(compatible: false, composed: false);

    // Marks that are not stripped, for they are younger than the table or no accents, stand in canonical order afterwards.
    private static readonly CodePointSet Kept = ReadKept();

    private readonly bool _clean, _chinese, _strip, _lower;

    // What becomes of each ASCII character: itself, another, or nothing (0).
    private readonly char[] _ascii = new char[128];
    private readonly RuneWriter _stripped, _cleaned, _marksStripped;

    public BertNormalizer(bool clean, bool chinese, bool? strip, bool lower)
    {
        (_clean, _chinese, _strip, _lower) = (clean, chinese, strip ?? lower, lower);
        (_stripped, _cleaned, _marksStripped) = (Strip, Clean, StripMarks);
        for (int i = 0; i < 128; i++)
        {
            var one = new AlignedText([(char)i], 0);
            Rewrite(one, Map);
            _ascii[i] = one.Length == 1 ? one.Characters[0] : '\0';
        }
    }

    public override void Apply(AlignedText text)
    {
        // Where every character becomes one other, nothing moves.
        if (IsPlain(text.Characters))
        {
            foreach (ref char character in text.InPlace) character = _ascii[character];
            return;
        }
        if (_strip && Reorders(text.Characters))
        {
            Rewrite(text, _cleaned);
            Decomposition.Apply(text);
            Rewrite(text, _marksStripped);
            return;
        }
        AlignedWriter writer = text.Writer(text.Length + 8);
        ReadOnlySpan<char> characters = text.Characters;
        for (int i = 0; i < characters.Length;)
        {
            char character = characters[i];
            if (character < 128)
            {
                if (_ascii[character] != 0 || (!_clean && character == 0)) writer.Add(_ascii[character], text.StartOf(i), text.EndOf(i));
                i++;
                continue;
            }
            Rune.DecodeFromUtf16(characters[i..], out Rune rune, out int count);
            Map(writer, rune, text.StartOf(i), text.EndOf(i + count - 1));
            i += count;
        }
        text.Become(writer);
    }

    /// <summary>Whether what becomes of a character does not depend on its neighbours.</summary>
    public bool StandsAlone(char character) => !_strip || !Kept.Contains(character);

    /// <summary>What becomes of a character.</summary>
    public string Of(char character)
    {
        var one = new AlignedText([character], 0);
        Apply(one);
        return one.Characters.ToString();
    }

    private bool IsPlain(ReadOnlySpan<char> text)
    {
        foreach (char character in text) if (character >= 128 || _ascii[character] == 0) return false;
        return true;
    }

    private static CodePointSet ReadKept()
    {
        var kept = new List<int>();
        for (int point = 0x300; point <= 0x10FFFF; point++)
        {
            bool removed = Marks.Contains(point)
                || (Bases.TryGetValue(point, out string? bases) && !bases.EnumerateRunes().Any(part => UnicodeForm.Ordered.Contains(part.Value)));
            if (!removed && UnicodeForm.Ordered.Contains(point)) kept.AddRange([point, point]);
        }
        return new CodePointSet(kept);
    }

    private static bool Reorders(ReadOnlySpan<char> text)
    {
        if (!text.ContainsAnyExceptInRange('\0', '\u02FF')) return false;
        foreach (Rune rune in text.EnumerateRunes()) if (rune.Value >= 0x300 && Kept.Contains(rune.Value)) return true;
        return false;
    }

    private void Map(AlignedWriter writer, Rune rune, int start, int end) => Clean(writer, rune, start, end, _stripped);

    private void Clean(AlignedWriter writer, Rune rune, int start, int end) =>
        Clean(writer, rune, start, end, static (writer, rune, start, end) => writer.Add(rune, start, end));

    private void StripMarks(AlignedWriter writer, Rune rune, int start, int end)
    {
        if (!Marks.Contains(rune.Value)) LowerCase(writer, rune, start, end);
    }

    private void Clean(AlignedWriter writer, Rune rune, int start, int end, RuneWriter then)
    {
        int point = rune.Value;
        if (_clean)
        {
            if (Spaces.Contains(point))
            {
                writer.Add(' ', start, end);
                return;
            }
            if (Removed.Contains(point)) return;
        }
        bool spaced = _chinese && Chinese.Contains(point);
        if (spaced) writer.Add(' ', start, end);
        then(writer, rune, start, end);
        if (spaced) writer.Add(' ', start, end);
    }

    private void Strip(AlignedWriter writer, Rune rune, int start, int end)
    {
        int point = rune.Value;
        if (!_strip || point < 128)
        {
            LowerCase(writer, rune, start, end);
            return;
        }
        if (Marks.Contains(point)) return;
        if (point is >= HangulFirst and <= HangulLast)
        {
            // The Unicode standard, section 3.12: a syllable decomposes by arithmetic.
            int syllable = point - HangulFirst;
            writer.Add((char)(0x1100 + (syllable / 588)), start, end);
            writer.Add((char)(0x1161 + (syllable % 588 / 28)), start, end);
            if (syllable % 28 != 0) writer.Add((char)(0x11A7 + (syllable % 28)), start, end);
            return;
        }
        if (!Bases.TryGetValue(point, out string? bases))
        {
            LowerCase(writer, rune, start, end);
            return;
        }
        foreach (Rune part in bases.EnumerateRunes()) LowerCase(writer, part, start, end);
    }

    private void LowerCase(AlignedWriter writer, Rune rune, int start, int end)
    {
        if (_lower && Lower.TryGetValue(rune.Value, out string? lower)) writer.Add(lower, start, end);
        else writer.Add(rune, start, end);
    }
}
