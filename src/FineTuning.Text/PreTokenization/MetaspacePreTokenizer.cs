namespace FineTuning.Text;

/// <summary>Where SentencePiece's mark is put before a text.</summary>
internal enum PrependScheme
{
    /// <summary>Before every piece.</summary>
    Always,

    /// <summary>Before the piece that begins its text.</summary>
    First,

    /// <summary>Nowhere.</summary>
    Never,
}

/// <summary>Spaces become a mark that words begin with (SentencePiece, Kudo and Richardson 2018), and a word that has none is given one.</summary>
internal sealed class MetaspacePreTokenizer(char mark, PrependScheme scheme, bool split) : PreTokenizer
{
    public override void Split(Piece piece, PieceList parts)
    {
        if (piece.Length == 0) return;
        Piece marked = Marked(piece, parts);
        if (!split)
        {
            parts.Add(marked);
            return;
        }
        ReadOnlySpan<char> text = marked.Characters;
        int start = 0;
        while (start < text.Length)
        {
            int next = text[(start + 1)..].IndexOf(mark);
            int end = next < 0 ? text.Length : start + 1 + next;
            parts.Add(marked.Part(start, end - start));
            start = end;
        }
    }

    // What is changed is written behind what other pieces wrote: a text of its own for each word would cost more than the rest.
    private Piece Marked(Piece piece, PieceList parts)
    {
        ReadOnlySpan<char> text = piece.Characters;
        bool prepend = text[0] != ' ' && text[0] != mark && (
            scheme == PrependScheme.Always || (scheme == PrependScheme.First && piece.Text.StartOf(piece.Start) == 0));
        if (!prepend && !text.Contains(' ')) return piece;
        AlignedText written = piece.Text == parts.Written || piece.Origin != piece.Text.StartOf(piece.Start)
            ? New(piece.Origin, piece.Text.Most) : parts.Written;
        int start = written.Length;
        if (start == 0) written.Origin = piece.Origin;
        written.Reserve(text.Length + 1);
        if (prepend) written.Append(mark, piece.Text.StartOf(piece.Start), piece.Text.EndOf(piece.Start));
        for (int i = 0; i < text.Length; i++)
            written.Append(text[i] == ' ' ? mark : text[i], piece.Text.StartOf(piece.Start + i), piece.Text.EndOf(piece.Start + i));
        return new(written, start, written.Length - start);
    }

    private static AlignedText New(int origin, long most)
    {
        var text = new AlignedText([], 0);
        text.Clear();
        (text.Origin, text.Most) = (origin, most);
        return text;
    }
}
