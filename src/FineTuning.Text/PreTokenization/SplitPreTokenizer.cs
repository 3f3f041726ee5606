namespace FineTuning.Text;

/// <summary>What becomes of what a Split finds.</summary>
internal enum SplitBehavior
{
    /// <summary>It is dropped.</summary>
    Removed,

    /// <summary>It is a part of its own.</summary>
    Isolated,

    /// <summary>It ends the part before it.</summary>
    MergedWithPrevious,

    /// <summary>It begins the part after it.</summary>
    MergedWithNext,

    /// <summary>Neighbours of one kind are one part.</summary>
    Contiguous,
}

/// <summary>Cuts a piece where something is found in it. Immutable and thread-safe.</summary>
internal abstract class Splitter(SplitBehavior behavior) : PreTokenizer
{
    public sealed override void Split(Piece piece, PieceList parts)
    {
        if (piece.Length == 0) return;
        var cuts = new Cuts(piece, parts, behavior);
        Cut(piece.Characters, ref cuts);
        cuts.End();
    }

    /// <summary>Reports all spans of the text from left to right, each as found or not.</summary>
    protected abstract void Cut(ReadOnlySpan<char> text, ref Cuts cuts);

    /// <summary>Puts parts together from the spans that are reported.</summary>
    protected ref struct Cuts(Piece piece, PieceList parts, SplitBehavior behavior)
    {
        private int _start;
        private int _end;
        private bool _last;

        public void Add(int start, int end, bool found)
        {
            bool joined = behavior switch
            {
                SplitBehavior.MergedWithPrevious => found && !_last,
                SplitBehavior.MergedWithNext => _last && !found,
                SplitBehavior.Contiguous => found == _last,
                _ => false,
            };
            _last = found;
            if (joined)
            {
                _end = end;
                return;
            }
            End();
            (_start, _end) = found && behavior == SplitBehavior.Removed ? (end, end) : (start, end);
        }

        public void End()
        {
            if (_end > _start) parts.Add(piece.Part(_start, _end - _start));
            _start = _end;
        }
    }
}

/// <summary>Cuts where a pattern is found; inverted: where it is not.</summary>
internal sealed class SplitPreTokenizer(SplitPattern pattern, SplitBehavior behavior, bool invert) : Splitter(behavior)
{
    protected override void Cut(ReadOnlySpan<char> text, ref Cuts cuts)
    {
        int done = 0;
        foreach ((int start, int end) in pattern.Find(text))
        {
            if (start > done) cuts.Add(done, start, invert);
            cuts.Add(start, end, !invert);
            done = end;
        }
        if (done < text.Length) cuts.Add(done, text.Length, invert);
    }
}

/// <summary>Cuts at each character of a set.</summary>
internal sealed class CharacterSplitter(CodePointSet set, SplitBehavior behavior) : Splitter(behavior)
{
    protected override void Cut(ReadOnlySpan<char> text, ref Cuts cuts)
    {
        int done = 0;
        for (int at = 0; at < text.Length;)
        {
            System.Text.Rune.DecodeFromUtf16(text[at..], out System.Text.Rune rune, out int size);
            if (set.Contains(rune.Value))
            {
                if (at > done) cuts.Add(done, at, found: false);
                cuts.Add(at, at + size, found: true);
                done = at + size;
            }
            at += size;
        }
        if (done < text.Length) cuts.Add(done, text.Length, found: false);
    }
}

/// <summary>Words of letters, digits and underscores, and runs of what is neither that nor white space.</summary>
internal sealed class WhitespacePreTokenizer : PreTokenizer
{
    private static readonly CodePointSet Word = UnicodeTables.Word;
    private static readonly CodePointSet Spaces = UnicodeTables.Set(@"\s");

    public override void Split(Piece piece, PieceList parts)
    {
        ReadOnlySpan<char> text = piece.Characters;
        int start = 0, kind = 0;
        for (int at = 0; at <= text.Length;)
        {
            int size = 1, next = 0;
            if (at < text.Length)
            {
                System.Text.Rune.DecodeFromUtf16(text[at..], out System.Text.Rune rune, out size);
                next = Word.Contains(rune.Value) ? 1 : Spaces.Contains(rune.Value) ? 0 : 2;
            }
            if (next != kind)
            {
                if (kind != 0) parts.Add(piece.Part(start, at - start));
                (start, kind) = (at, next);
            }
            at += size;
        }
    }
}
