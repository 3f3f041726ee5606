using System.Text;

namespace FineTuning.Text;

/// <summary>Rewrites a text before it is cut into words. Immutable and thread-safe.</summary>
internal abstract class Normalizer
{
    public abstract void Apply(AlignedText text);

    /// <summary>Replaces each code point by what <paramref name="map"/> writes for it.</summary>
    private protected static void Rewrite(AlignedText text, RuneWriter map)
    {
        AlignedWriter writer = text.Writer(text.Length + 8);
        ReadOnlySpan<char> characters = text.Characters;
        for (int i = 0; i < characters.Length;)
        {
            Rune.DecodeFromUtf16(characters[i..], out Rune rune, out int count);
            map(writer, rune, text.StartOf(i), text.EndOf(i + count - 1));
            i += count;
        }
        text.Become(writer);
    }

    private protected delegate void RuneWriter(AlignedWriter writer, Rune rune, int start, int end);
}

/// <summary>Several normalizers, one after the other.</summary>
internal sealed class SequenceNormalizer(IReadOnlyList<Normalizer> parts) : Normalizer
{
    public override void Apply(AlignedText text)
    {
        foreach (Normalizer part in parts) part.Apply(text);
    }
}
