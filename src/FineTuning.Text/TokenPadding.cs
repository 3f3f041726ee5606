namespace FineTuning.Text;

/// <summary>Fills rows up with padding, as the reference does: no offsets, no word, no sequence, type 0, mask 0, special.</summary>
internal static class TokenPadding
{
    public static TokenizedText[] Apply(PretrainedTokenizer tokenizer, IReadOnlyList<TokenizedText> rows, PaddingOptions options)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(options.MultipleOf, 1);
        int pad = options.PadId ?? tokenizer.PadId
            ?? throw new InvalidOperationException(
                "the tokenizer has no padding token: give one in the options, for example the end token's id, or add one with WithTokens");
        int length = options.Length ?? rows.Select(row => row.Ids.Length).DefaultIfEmpty(0).Max();
        length = checked((length + options.MultipleOf - 1) / options.MultipleOf * options.MultipleOf);
        return [.. rows.Select(row => row.Padded(length, pad, options.Left ?? tokenizer.PadsLeft))];
    }
}
