namespace FineTuning.Text;

/// <summary>Whether decoding can go on where it ended: whether the text of some tokens stays when others follow.</summary>
internal static class DecodedParts
{
    /// <param name="steps">The decoders of the files, one after the other; none: tokens are joined by spaces.</param>
    /// <param name="tokens">What may be decoded.</param>
    public static bool Stay(IReadOnlyList<Decoder> steps, IEnumerable<string?> tokens)
    {
        // What becomes of the last token's suffix is known only when another follows:
        // that changes nothing before it where the suffix is what the token ends in.
        if (steps.OfType<SuffixDecoder>().Any()
            && (steps is not [SuffixDecoder { Suffix: var suffix }] || tokens.Any(token => token is not null && HoldsWithin(token, suffix))))
            return false;
        // Behind a step that makes all tokens one text, nothing may change but the beginning.
        return steps.SkipWhile(step => step is not (FuseDecoder or ByteLevelDecoder)).Skip(1)
            .All(step => step is FuseDecoder or StripDecoder { StripsEnd: false });
    }

    private static bool HoldsWithin(string token, string suffix) => suffix.Length > 0 && token.Contains(suffix, StringComparison.Ordinal)
        && !token.Replace(suffix, " ", StringComparison.Ordinal).StartsWith(token.Replace(suffix, "", StringComparison.Ordinal), StringComparison.Ordinal);
}
