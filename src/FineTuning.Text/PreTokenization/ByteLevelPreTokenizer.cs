using System.Text;

namespace FineTuning.Text;

/// <summary>GPT-2's words (Radford et al. 2019): contractions, letters, numbers and other marks with the space before them, runs of white space.</summary>
/// <remarks>The pattern '(?:'s|'t|'re|'ve|'m|'ll|'d)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+' matched by
/// hand over code points, in linear time.</remarks>
/// <param name="addPrefixSpace">Whether a text that begins with no space is given one.</param>
/// <param name="useRegex">Whether it is cut into words.</param>
/// <param name="spell">Whether words are spelled in <see cref="ByteAlphabet"/> here; where the model does that, it costs less.</param>
internal sealed class ByteLevelPreTokenizer(bool addPrefixSpace, bool useRegex, bool spell = false) : PreTokenizer
{
    private static readonly CodePointSet Letters = UnicodeTables.Set(@"\p{L}");
    private static readonly CodePointSet Numbers = UnicodeTables.Set(@"\p{N}");
    private static readonly CodePointSet Spaces = UnicodeTables.Set(@"\s");

    private static readonly byte[] Classes = [.. Enumerable.Range(0, 0x10000).Select(point => (byte)ClassOf(point))];

    private enum Class : byte
    {
        Letter,
        Number,
        Space,
        Other,
    }

    public override void Split(Piece piece, PieceList parts)
    {
        if (piece.Length == 0) return;
        int first = parts.Count;
        Cut(piece, parts);
        for (int i = first; spell && i < parts.Count; i++) parts.Replace(i, Spelled(parts[i], parts));
    }

    // Written behind what other pieces wrote, which may be where this one stands: its characters keep their positions.
    private static Piece Spelled(Piece piece, PieceList parts)
    {
        AlignedText written = parts.Written;
        int start = written.Length;
        if (start == 0) written.Origin = piece.Origin;
        Span<byte> bytes = stackalloc byte[4];
        for (int at = piece.Start; at < piece.Start + piece.Length;)
        {
            Rune.DecodeFromUtf16(piece.Text.Characters[at..(piece.Start + piece.Length)], out Rune rune, out int size);
            (int from, int to) = (piece.Text.StartOf(at), piece.Text.EndOf(at + size - 1));
            foreach (byte value in bytes[..rune.EncodeToUtf8(bytes)]) written.Append(ByteAlphabet.Characters[value], from, to);
            at += size;
        }
        return new(written, start, written.Length - start);
    }

    private void Cut(Piece piece, PieceList parts)
    {
        if (addPrefixSpace && piece.Characters[0] != ' ') piece = WithSpace(piece, parts);
        if (!useRegex)
        {
            parts.Add(piece);
            return;
        }
        ReadOnlySpan<char> text = piece.Characters;
        for (int at = 0; at < text.Length;)
        {
            int length = Match(text[at..]);
            parts.Add(new(piece.Text, piece.Start + at, length));
            at += length;
        }
    }

    private static Piece WithSpace(Piece piece, PieceList parts)
    {
        AlignedText text = parts.Written;
        int start = text.Length;
        if (start == 0) text.Origin = piece.Origin;
        // The inserted space has the origin of the character it stands before.
        text.Append(' ', piece.Text.StartOf(piece.Start), piece.Text.EndOf(piece.Start));
        for (int i = piece.Start; i < piece.Start + piece.Length; i++) text.Append(piece.Text.Characters[i], piece.Text.StartOf(i), piece.Text.EndOf(i));
        return new(text, start, text.Length - start);
    }

    private static int Match(ReadOnlySpan<char> text)
    {
        if (text[0] == '\'' && Contraction(text) is > 0 and int contraction) return contraction;
        Class first = ClassOf(text, out int size);
        if (first != Class.Space) return Run(text, size, first);
        if (text[0] == ' ' && text.Length > 1 && ClassOf(text[1..], out int next) is var following && following != Class.Space)
            return Run(text, 1 + next, following);
        int end = Run(text, size, Class.Space);
        if (end == text.Length) return end;
        // The last white space before a word is left for the word, unless it stands alone.
        int last = Rune.DecodeLastFromUtf16(text[..end], out _, out int width) == System.Buffers.OperationStatus.Done ? width : 1;
        return end - last > 0 ? end - last : end;
    }

    private static int Contraction(ReadOnlySpan<char> text)
    {
        if (text.Length < 2) return 0;
        if (text[1] is 's' or 't' or 'm' or 'd') return 2;
        return text.Length >= 3 && text[1..3] is "re" or "ve" or "ll" ? 3 : 0;
    }

    private static int Run(ReadOnlySpan<char> text, int at, Class kind)
    {
        while (at < text.Length && ClassOf(text[at..], out int size) == kind) at += size;
        return at;
    }

    private static Class ClassOf(int point)
    {
        if (Letters.Contains(point)) return Class.Letter;
        if (Spaces.Contains(point)) return Class.Space;
        return Numbers.Contains(point) ? Class.Number : Class.Other;
    }

    private static Class ClassOf(ReadOnlySpan<char> text, out int size)
    {
        size = 1;
        if (!char.IsHighSurrogate(text[0])) return (Class)Classes[text[0]];
        Rune.DecodeFromUtf16(text, out Rune rune, out size);
        return ClassOf(rune.Value);
    }
}
