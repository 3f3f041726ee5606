namespace FineTuning.Generation;

/// <summary>No end token before a text has its least length.</summary>
internal sealed class MinimumLengthProcessor(int minimum, int[] endTokens) : RowProcessor
{
    public override void Apply(Span<float> scores, ReadOnlySpan<int> tokens, SearchPrompt prompt)
    {
        if (tokens.Length >= minimum) return;
        foreach (int end in endTokens) Ban(scores, end);
    }
}

/// <summary>Beyond a length the scores of end tokens grow exponentially with each token.</summary>
internal sealed class LengthDecayProcessor(int start, double factor, int[] endTokens) : RowProcessor
{
    public override void Apply(Span<float> scores, ReadOnlySpan<int> tokens, SearchPrompt prompt)
    {
        if (tokens.Length <= start) return;
        double growth = Math.Pow(factor, tokens.Length - start) - 1;
        foreach (int end in endTokens)
        {
            // What is banned stays so, and nothing grows out of zero: infinity times zero would be no number.
            if ((uint)end >= (uint)scores.Length || float.IsNegativeInfinity(scores[end]) || scores[end] == 0) continue;
            scores[end] = (float)Math.Min(scores[end] + (Math.Abs((double)scores[end]) * growth), float.MaxValue);
        }
    }
}
