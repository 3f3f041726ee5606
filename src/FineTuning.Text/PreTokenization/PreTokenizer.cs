namespace FineTuning.Text;

/// <summary>A part of a text that is a word to the model, or will be cut further.</summary>
/// <param name="Text">The text it stands in.</param>
/// <param name="Start">Its first character there.</param>
/// <param name="Length">How many characters it has.</param>
internal readonly record struct Piece(AlignedText Text, int Start, int Length)
{
    public ReadOnlySpan<char> Characters => Text.Characters.Slice(Start, Length);

    /// <summary>Where the part of the original begins that it stands for.</summary>
    public int Origin => Start == 0 && Length == Text.Length ? Text.Origin : Text.StartOf(Start);

    /// <summary>A part of it.</summary>
    public Piece Part(int start, int length) => new(Text, Start + start, length);
}

/// <summary>Cuts pieces into smaller ones. Immutable and thread-safe.</summary>
internal abstract class PreTokenizer
{
    /// <summary>Adds the parts of a piece, none of them empty.</summary>
    public abstract void Split(Piece piece, PieceList parts);
}

/// <summary>Several pre-tokenizers, each cutting what the one before left.</summary>
internal sealed class SequencePreTokenizer(IReadOnlyList<PreTokenizer> steps) : PreTokenizer
{
    public override void Split(Piece piece, PieceList parts)
    {
        (PieceList current, PieceList next) = (parts.Rent(), parts.Rent());
        current.Add(piece);
        for (int i = 0; i < steps.Count; i++)
        {
            PieceList output = i == steps.Count - 1 ? parts : next;
            for (int part = 0; part < current.Count; part++) steps[i].Split(current[part], output);
            current.Clear();
            (current, next) = (next, current);
        }
        if (steps.Count == 0) parts.Add(piece);
        parts.Return(current);
        parts.Return(next);
    }
}

/// <summary>What a character is to BERT's pre-tokenizer.</summary>
internal enum BertCharacter
{
    /// <summary>A part of a word.</summary>
    Letter,

    /// <summary>It ends a word and is dropped.</summary>
    Space,

    /// <summary>It is a word of its own.</summary>
    Punctuation,
}

/// <summary>BERT's words: cut at white space, which is dropped, and around each punctuation mark.</summary>
internal sealed class BertPreTokenizer : PreTokenizer
{
    private static readonly CodePointSet Spaces = UnicodeTables.Set("bert_whitespace");
    private static readonly CodePointSet Punctuation = UnicodeTables.Set("bert_punctuation");

    private static readonly BertCharacter[] Ascii = [.. Enumerable.Range(0, 128).Select(Kind)];

    /// <summary>What a character of the normalized text is.</summary>
    public static BertCharacter KindOf(char character) => character < 128 ? Ascii[character] : Kind(character);

    public override void Split(Piece piece, PieceList parts)
    {
        ReadOnlySpan<char> characters = piece.Characters;
        int start = 0;
        for (int i = 0; i < characters.Length;)
        {
            if (characters[i] < 128 && Ascii[characters[i]] is var kind)
            {
                if (kind != BertCharacter.Letter)
                {
                    if (i > start) parts.Add(new(piece.Text, piece.Start + start, i - start));
                    if (kind == BertCharacter.Punctuation) parts.Add(new(piece.Text, piece.Start + i, 1));
                    start = i + 1;
                }
                i++;
                continue;
            }
            System.Text.Rune.DecodeFromUtf16(characters[i..], out System.Text.Rune rune, out int count);
            bool space = Spaces.Contains(rune.Value);
            if (space || Punctuation.Contains(rune.Value))
            {
                if (i > start) parts.Add(new(piece.Text, piece.Start + start, i - start));
                if (!space) parts.Add(new(piece.Text, piece.Start + i, count));
                start = i + count;
            }
            i += count;
        }
        if (start < characters.Length) parts.Add(new(piece.Text, piece.Start + start, characters.Length - start));
    }

    private static BertCharacter Kind(int point) =>
        Spaces.Contains(point) ? BertCharacter.Space : Punctuation.Contains(point) ? BertCharacter.Punctuation : BertCharacter.Letter;
}
