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
    public override void Split(Piece piece, List<Piece> parts)
    {
        if (piece.Length == 0) return;
        Piece marked = Marked(piece);
        if (!split)
        {
            parts.Add(marked);
            return;
        }
        ReadOnlySpan<char> text = marked.Characters;
        int start = 0;
        for (int at = 1; at < text.Length; at++)
        {
            if (text[at] != mark) continue;
            parts.Add(marked.Part(start, at - start));
            start = at;
        }
        parts.Add(marked.Part(start, text.Length - start));
    }

    private Piece Marked(Piece piece)
    {
        ReadOnlySpan<char> text = piece.Characters;
        bool prepend = text[0] != ' ' && text[0] != mark && (scheme == PrependScheme.Always || (scheme == PrependScheme.First && piece.Origin == 0));
        if (!prepend && !text.Contains(' ')) return piece;
        var writer = new AlignedWriter(text.Length + 1);
        if (prepend) writer.Add(mark, piece.Text.StartOf(piece.Start), piece.Text.EndOf(piece.Start));
        for (int i = 0; i < text.Length; i++) writer.Add(text[i] == ' ' ? mark : text[i], piece.Text.StartOf(piece.Start + i), piece.Text.EndOf(piece.Start + i));
        var rewritten = new AlignedText([], 0) { Origin = piece.Origin };
        rewritten.Become(writer);
        return new(rewritten, 0, rewritten.Length);
    }
}
