namespace FineTuning.Generation;

/// <summary>Where the text has one certain length, one of some tokens comes: theirs is the score 0, all others are banned.</summary>
internal sealed class ForcedTokenProcessor(int length, int[] forced) : RowProcessor
{
    public override void Apply(Span<float> scores, ReadOnlySpan<int> tokens, SearchPrompt prompt)
    {
        if (tokens.Length != length) return;
        scores.Fill(float.NegativeInfinity);
        foreach (int token in forced) scores[token] = 0;
    }
}
