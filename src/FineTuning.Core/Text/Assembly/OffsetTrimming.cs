namespace FineTuning.Text;

/// <summary>Takes spaces at a token's edges out of its offsets, by the arithmetic of the reference's byte-level post-processors.</summary>
internal static class OffsetTrimming
{
    private static readonly char Space = ByteAlphabet.Characters[' '];

    /// <param name="run">The tokens; those of the template are left alone.</param>
    /// <param name="addPrefixSpace">Whether the space before the first token was put there, and so counts for nothing.</param>
    /// <param name="vocabulary">The text of an id.</param>
    public static void Apply(TokenRun run, bool addPrefixSpace, Func<int, string?> vocabulary)
    {
        int last = -1;
        for (int i = 0; i < run.Count; i++)
        {
            if (run.Special[i]) continue;
            bool first = run.Sequences[i] != last || run.Starts[i] == 0;
            last = run.Sequences[i];
            string token = run.Surface is not null && run.Surface.TryGetValue(i, out string? surface) ? surface : vocabulary(run.Ids[i]) ?? "";
            int leading = Count(token), trailing = CountBack(token);
            if (leading == 1 && first && addPrefixSpace) leading = 0;
            if (leading > 0) run.Starts[i] = Math.Min(run.Starts[i] + leading, run.Ends[i]);
            // An inserted space has the span of the character it stands before, which may be two units wide: a token of spaces alone keeps nothing of it.
            if (trailing == token.Length && trailing > 0) run.Ends[i] = run.Starts[i];
            else if (trailing > 0 && run.Ends[i] >= trailing) run.Ends[i] = Math.Max(run.Ends[i] - trailing, run.Starts[i]);
        }
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
