namespace FineTuning.Text;

/// <summary>Fills rows up with padding, as the reference does: no offsets, no word, no sequence, type 0, mask 0, special.</summary>
internal static class TokenPadding
{
    /// <summary>The most tokens of a row, and of all rows together.</summary>
    private const int Longest = 1 << 24, Most = 1 << 28;

    public static TokenizedText[] Apply(PretrainedTokenizer tokenizer, IReadOnlyList<TokenizedText> rows, PaddingOptions options)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(options.MultipleOf, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(options.MultipleOf, Longest);
        int pad = options.PadId ?? tokenizer.PadId
            ?? throw new InvalidOperationException(
                "the tokenizer has no padding token: give one in the options, for example the end token's id, or add one with WithTokens");
        int length = options.Length ?? rows.Select(row => row.Ids.Length).DefaultIfEmpty(0).Max();
        long padded = ((long)length + options.MultipleOf - 1) / options.MultipleOf * options.MultipleOf;
        if (padded > Longest) throw new ArgumentOutOfRangeException(nameof(options), $"rows would be padded to {padded:N0} tokens; {Longest:N0} are the most");
        if (rows.Count * padded > Most)
        {
            throw new ArgumentOutOfRangeException(nameof(options),
                $"{rows.Count:N0} rows would be padded to {padded:N0} tokens each; {Most:N0} in all are the most");
        }
        return [.. rows.Select(row => row.Padded((int)padded, pad, options.Left ?? tokenizer.PadsLeft))];
    }
}
