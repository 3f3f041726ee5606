using System.Collections.Frozen;
using System.Text;

namespace FineTuning.Text;

/// <summary>Lower case, character by character: no rule looks at neighbours (no final sigma).</summary>
internal sealed class LowercaseNormalizer : Normalizer
{
    private static readonly FrozenDictionary<int, string> Lower = UnicodeTables.Map("lowercase.map");

    public override void Apply(AlignedText text)
    {
        if (!System.Text.Ascii.IsValid(text.Characters)) Rewrite(text, Write);
        else foreach (ref char character in text.InPlace) if (character is >= 'A' and <= 'Z') character |= ' ';
    }

    private static readonly RuneWriter Write = static (writer, rune, start, end) =>
    {
        if (Lower.TryGetValue(rune.Value, out string? lower)) writer.Add(lower, start, end);
        else writer.Add(rune, start, end);
    };
}

/// <summary>Drops all combining marks, without decomposing what is composed.</summary>
internal sealed class StripAccentsNormalizer : Normalizer
{
    private static readonly CodePointSet Marks = UnicodeTables.Set("strip_accents.removed");

    public override void Apply(AlignedText text)
    {
        if (!System.Text.Ascii.IsValid(text.Characters)) Rewrite(text, Write);
    }

    private static readonly RuneWriter Write = static (writer, rune, start, end) =>
    {
        if (!Marks.Contains(rune.Value)) writer.Add(rune, start, end);
    };
}

/// <summary>The cleaning of neural machine translation: controls dropped, odd white space made spaces.</summary>
internal sealed class NmtNormalizer : Normalizer
{
    private static readonly CodePointSet Removed = UnicodeTables.Set("nmt.removed");
    private static readonly CodePointSet Spaces = UnicodeTables.Set("nmt.space");

    public override void Apply(AlignedText text) => Rewrite(text, static (writer, rune, start, end) =>
    {
        if (Spaces.Contains(rune.Value)) writer.Add(' ', start, end);
        else if (!Removed.Contains(rune.Value)) writer.Add(rune, start, end);
    });
}

/// <summary>Spells a text in <see cref="ByteAlphabet"/>.</summary>
internal sealed class ByteLevelNormalizer : Normalizer
{
    public override void Apply(AlignedText text) => Rewrite(text, static (writer, rune, start, end) =>
    {
        Span<byte> bytes = stackalloc byte[4];
        foreach (byte value in bytes[..rune.EncodeToUtf8(bytes)]) writer.Add(ByteAlphabet.Characters[value], start, end);
    });
}

/// <summary>Drops white space at the ends.</summary>
internal sealed class StripNormalizer(bool left, bool right) : Normalizer
{
    private static readonly CodePointSet Spaces = UnicodeTables.Set("whitespace_split");

    public override void Apply(AlignedText text)
    {
        // No white space lies above U+FFFF, so characters are code points here.
        ReadOnlySpan<char> characters = text.Characters;
        int start = 0, end = characters.Length;
        while (left && start < end && Spaces.Contains(characters[start])) start++;
        while (right && end > start && Spaces.Contains(characters[end - 1])) end--;
        if (start == 0 && end == characters.Length) return;
        text.Keep(start, end - start);
    }
}

/// <summary>Puts a text before one that is not empty; it has the origin of the first character.</summary>
internal sealed class PrependNormalizer(string prefix) : Normalizer
{
    public override void Apply(AlignedText text)
    {
        if (text.Length == 0) return;
        AlignedWriter writer = text.Writer(text.Length + prefix.Length);
        writer.Add(prefix, text.StartOf(0), text.EndOf(0));
        writer.Copy(text, 0, text.Length);
        text.Become(writer);
    }
}
