namespace FineTuning.Text;

/// <summary>Takes spaces at a token's edges out of its offsets, by the arithmetic of the reference's byte-level post-processors.</summary>
internal static class OffsetTrimming
{
    private static readonly char Space = ByteAlphabet.Characters[' '];

    /// <param name="tokens">The tokens; those of the template are left alone.</param>
    /// <param name="addPrefixSpace">Whether the space before the first token was put there, and so counts for nothing.</param>
    /// <param name="vocabulary">The text of an id.</param>
    public static void Apply(TokenArrays tokens, bool addPrefixSpace, string?[] vocabulary)
    {
        int last = -1, place = 0;
        Span<int> ids = tokens.Ids, starts = tokens.Starts, ends = tokens.Ends;
        for (int i = 0; i < tokens.Layout.Stretches; i++)
        {
            TokenStretch stretch = tokens.Layout[i];
            int end = place + stretch.Count;
            for (; place < end && stretch.Sequence >= 0; place++)
            {
                int id = ids[place];
                string token = tokens.Surface is not null && tokens.Surface.TryGetValue(place, out string? surface) ? surface : (uint)id < (uint)vocabulary.Length ? vocabulary[id] ?? "" : "";
                Trim(ref starts[place], ref ends[place], token, addPrefixSpace && (stretch.Sequence != last || starts[place] == 0));
                last = stretch.Sequence;
            }
            place = end;
        }
    }

    private static void Trim(ref int start, ref int end, string token, bool inserted)
    {
        if (token.Length > 0 && !IsSpace(token[0]) && !IsSpace(token[^1])) return;
        int leading = Count(token), trailing = CountBack(token);
        if (leading == 1 && inserted) leading = 0;
        if (leading > 0) start = Math.Min(start + leading, end);
        // An inserted space has the span of the character it stands before, which may be two units wide: a token of spaces alone keeps nothing of it.
        if (trailing == token.Length && trailing > 0) end = start;
        else if (trailing > 0 && end >= trailing) end = Math.Max(end - trailing, start);
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
