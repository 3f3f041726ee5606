namespace FineTuning.Text;

/// <summary>Takes spaces at a token's edges out of its offsets, by the arithmetic of the reference's byte-level post-processors.</summary>
internal static class OffsetTrimming
{
    private static readonly char Space = ByteAlphabet.Characters[' '];

    /// <param name="tokens">The tokens; those of the template are left alone.</param>
    /// <param name="first">The first text's.</param>
    /// <param name="second">The second's. Null: there is none.</param>
    /// <param name="addPrefixSpace">Whether the space before the first token was put there, and so counts for nothing.</param>
    /// <param name="vocabulary">The text of an id.</param>
    public static void Apply(TokenArrays tokens, TokenRun first, TokenRun? second, bool addPrefixSpace, string?[] vocabulary)
    {
        int last = -1, position = 0;
        Span<int> ids = tokens.Ids, starts = tokens.Starts, ends = tokens.Ends;
        for (int i = 0; i < tokens.Layout.Stretches; i++)
        {
            TokenStretch stretch = tokens.Layout[i];
            int end = position + stretch.Count;
            TokenRun own = stretch.Sequence == 1 ? second! : first;
            for (; position < end && stretch.Sequence >= 0; position++)
            {
                int id = ids[position];
                string token = tokens.Surface is not null && tokens.Surface.TryGetValue(position, out string? surface) ? surface
                    : (uint)id < (uint)vocabulary.Length ? vocabulary[id] ?? "" : "";
                Trim(ref starts[position], ref ends[position], token, own.SourceOf(tokens.Words[position]),
                    addPrefixSpace && (stretch.Sequence != last || starts[position] == 0));
                last = stretch.Sequence;
            }
            position = end;
        }
    }

    private static void Trim(ref int start, ref int end, string token, ReadOnlySpan<char> text, bool inserted)
    {
        if (token.Length > 0 && !IsSpace(token[0]) && !IsSpace(token[^1])) return;
        int leading = Count(token), trailing = CountBack(token);
        if (leading == 1 && inserted) leading = 0;
        start = Math.Min(Forward(text, start, leading), end);
        if (Back(text, end, trailing) is >= 0 and int shorter) end = Math.Max(shorter, start);
    }

    // The reference counts code points. What was put in, as the space before a word, has the span of what stands beside it, which may be a surrogate pair.
    private static int Forward(ReadOnlySpan<char> text, int at, int count)
    {
        for (; count > 0; count--) at += at + 1 < text.Length && char.IsSurrogatePair(text[at], text[at + 1]) ? 2 : 1;
        return at;
    }

    // Below 0 where there are not so many.
    private static int Back(ReadOnlySpan<char> text, int at, int count)
    {
        for (; count > 0; count--) at -= at >= 2 && char.IsSurrogatePair(text[at - 2], text[at - 1]) ? 2 : 1;
        return at;
    }

    private static bool IsSpace(char character) => character == Space || char.IsWhiteSpace(character);

    private static int Count(string token)
    {
        int count = 0;
        while (count < token.Length && IsSpace(token[count])) count++;
        return count;
    }

    private static int CountBack(string token)
    {
        int count = 0;
        while (count < token.Length && IsSpace(token[^(1 + count)])) count++;
        return count;
    }
}
