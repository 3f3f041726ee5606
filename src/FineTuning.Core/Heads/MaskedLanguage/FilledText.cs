namespace FineTuning.Heads;

/// <summary>A token instead of a mask.</summary>
/// <param name="Score">Its probability among the whole vocabulary, from 0 to 1.</param>
/// <param name="TokenId">Its id.</param>
/// <param name="Token">The token decoded alone; a piece of a word keeps its mark.</param>
/// <param name="Text">The text with the token instead of the mask, as the tokenizer decodes it;
/// with several masks the others and the special tokens are shown.</param>
public sealed record MaskCandidate(double Score, int TokenId, string Token, string Text);

/// <summary>A mask of a text.</summary>
/// <param name="Start">Where it begins in the text.</param>
/// <param name="End">Where it ends in the text.</param>
/// <param name="Candidates">What could stand there, the most probable first.</param>
public sealed record FilledMask(int Start, int End, IReadOnlyList<MaskCandidate> Candidates)
{
    /// <summary>The most probable token.</summary>
    public MaskCandidate Best => Candidates[0];
}

/// <summary>What a masked language model makes of a text with masks.</summary>
/// <param name="Masks">The masks in the order of the text; at least one.</param>
/// <param name="TruncatedTokens">How many tokens at the end of the text the model did not see; 0: it saw all.</param>
public sealed record FilledText(IReadOnlyList<FilledMask> Masks, int TruncatedTokens)
{
    /// <inheritdoc/>
    public override string ToString() => string.Join("; ", Masks.Select(mask => $"{mask.Best.Token} ({mask.Best.Score:P1})"));
}

/// <summary>Which tokens are considered for a mask.</summary>
public sealed record FillOptions
{
    /// <summary>How many candidates are given, from 1; at most as many as there are tokens or targets. Default 5.</summary>
    public int Count { get; init; } = 5;

    /// <summary>
    /// Tokens to choose among: vocabulary entries, or texts of which the first token counts. Null: the whole vocabulary. Scores stay those among all tokens.
    /// </summary>
    public IReadOnlyList<string>? Targets { get; init; }
}
