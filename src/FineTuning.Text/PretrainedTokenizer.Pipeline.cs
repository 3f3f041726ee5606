using System.Text;

namespace FineTuning.Text;

/// <content>The way of a text: added tokens, normalizer, words, pieces, template.</content>
public sealed partial class PretrainedTokenizer
{
    private void AddWords(Workspace workspace, TokenRun run, IReadOnlyList<string> words, TokenizingOptions options)
    {
        run.SourceWords = words;
        for (int i = 0; i < words.Count; i++)
        {
            ArgumentNullException.ThrowIfNull(words[i], nameof(words));
            int word = i;
            AddText(workspace, run, words[i], options, byWord: true, ref word);
        }
    }

    private void AddText(Workspace workspace, TokenRun run, ReadOnlySpan<char> original, TokenizingOptions options, bool byWord, ref int word)
    {
        ReadOnlySpan<char> text = WellFormed(original);
        bool split = options.SplitSpecialTokens || _parts.SplitSpecialTokens;
        if (!_raw.MayOccur(text))
        {
            AddSegment(workspace, run, text, 0, split, byWord, ref word);
            return;
        }
        _raw.Split(text, split, workspace.RawParts);
        foreach ((int start, int length, AddedToken? token) in workspace.RawParts)
        {
            if (token is null) AddSegment(workspace, run, text.Slice(start, length), start, split, byWord, ref word);
            else AddFound(run, token, text.Slice(start, length), start, start + length, byWord, ref word);
        }
    }

    private void AddSegment(Workspace workspace, TokenRun run, ReadOnlySpan<char> segment, int offset, bool splitSpecial, bool byWord, ref int word)
    {
        if (segment.Length == 0) return;
        AlignedText text = workspace.Text;
        text.Reset(segment, offset);
        _parts.Normalizer?.Apply(text);
        List<(int Start, int Length, AddedToken? Token)> parts = workspace.NormalizedParts;
        parts.Clear();
        if (_normalized.MayOccur(text.Characters)) _normalized.Split(text.Characters, splitSpecial, parts);
        if (parts is [] or [(_, _, null)])
        {
            AddPieces(workspace, run, new(text, 0, text.Length), byWord, ref word);
            return;
        }
        foreach ((int start, int length, AddedToken? token) in parts)
        {
            if (length == 0) continue;
            if (token is null) AddPieces(workspace, run, new(text, start, length), byWord, ref word);
            else AddFound(run, token, text.Characters.Slice(start, length), text.StartOf(start), text.EndOf(start + length - 1), byWord, ref word);
        }
    }

    private static void AddFound(TokenRun run, AddedToken token, ReadOnlySpan<char> surface, int start, int end, bool byWord, ref int word)
    {
        if (!surface.SequenceEqual(token.Content)) run.SetSurface(run.Count, surface.ToString());
        run.Add(token.Id, start, end, word);
        if (!byWord) word++;
    }

    private void AddPieces(Workspace workspace, TokenRun run, Piece whole, bool byWord, ref int word)
    {
        if (whole.Length == 0) return;
        PieceList pieces = workspace.Pieces;
        pieces.Reset(whole.Text.Most);
        if (_parts.PreTokenizer is null) pieces.Add(whole);
        else _parts.PreTokenizer.Split(whole, pieces);
        TokenList tokens = workspace.Tokens;
        int unknown = _parts.Model.UnknownId;
        foreach (Piece piece in pieces.Items)
        {
            tokens.Clear();
            ReadOnlySpan<char> characters = piece.Characters;
            _parts.Model.Tokenize(characters, tokens, 0);
            foreach (WordToken token in tokens.Items)
            {
                if (token.Id == unknown) run.SetSurface(run.Count, characters[token.Start..token.End].ToString());
                run.Add(token.Id, piece.Text.StartOf(piece.Start + token.Start), piece.Text.EndOf(piece.Start + token.End - 1), word);
            }
            if (!byWord) word++;
        }
    }

    private TokenizedText Assemble(Workspace workspace, TokenRun? second, TokenizingOptions options)
    {
        workspace.EndTexts();
        TokenRun first = workspace.First;
        Template template = _parts.Template;
        int added = options.AddSpecialTokens ? template.AddedTokens(second is not null) : 0;
        int total = first.Count + (second?.Count ?? 0);
        int? limit = options.MaximumLength ?? (options.Truncation == TruncationStrategy.None ? null : MaximumLength);
        bool fits = limit is not { } maximum || options.Truncation == TruncationStrategy.None || total + added <= maximum || maximum < added;
        if (fits) return new(this, Assemble(workspace.Row, first, new(0, first.Count), second, new(0, second?.Count ?? 0), options), 0);

        (int keptFirst, int keptSecond) = Truncation.Kept(first.Count, second?.Count, limit!.Value - added, options.Truncation);
        bool left = options.TruncateLeft ?? _parts.TruncateLeft;
        List<TextWindow> firsts = Truncation.Windows(first.Count, keptFirst, options.Stride, left);
        List<TextWindow> seconds = second is null ? [new(0, 0)] : Truncation.Windows(second.Count, keptSecond, options.Stride, left);
        TokenizedText Window(TextWindow a, TextWindow b, IReadOnlyList<TokenizedText> overflow) =>
            new(this, Assemble(workspace.Row, first, a, second, b, options), total - a.Count - b.Count) { Overflow = overflow };
        var others = new List<TokenizedText>();
        if (options.KeepOverflow)
        {
            foreach (TextWindow a in firsts.Skip(1)) foreach (TextWindow b in seconds) others.Add(Window(a, b, []));
            foreach (TextWindow b in seconds.Skip(1)) others.Add(Window(firsts[0], b, []));
        }
        return Window(firsts[0], seconds[0], others);
    }

    private TokenArrays Assemble(TokenArrays row, TokenRun first, TextWindow window, TokenRun? second, TextWindow secondWindow, TokenizingOptions options)
    {
        _parts.Template.Assemble(row, first, window, second, secondWindow, options.AddSpecialTokens);
        if (_parts.TrimOffsets.Trim) OffsetTrimming.Apply(row, first, second, _parts.TrimOffsets.AddPrefixSpace, _tokens);
        return row;
    }

    private static ReadOnlySpan<char> WellFormed(ReadOnlySpan<char> text)
    {
        for (int i = text.IndexOfAnyInRange('\uD800', '\uDFFF'); i >= 0 && i < text.Length; i++)
        {
            if (!char.IsSurrogate(text[i])) continue;
            if (i + 1 < text.Length && char.IsSurrogatePair(text[i], text[i + 1])) i++;
            else return Replaced(text);
        }
        return text;
    }

    private static string Replaced(ReadOnlySpan<char> text)
    {
        StringBuilder fixedText = new StringBuilder().Append(text);
        for (int i = 0; i < fixedText.Length; i++)
        {
            if (!char.IsSurrogate(fixedText[i])) continue;
            if (i + 1 < fixedText.Length && char.IsSurrogatePair(fixedText[i], fixedText[i + 1])) i++;
            else fixedText[i] = '\uFFFD';
        }
        return fixedText.ToString();
    }
}
