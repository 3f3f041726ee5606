namespace FineTuning.Generation;

/// <summary>Bans each token that would complete a sequence of n tokens that the text, or what it follows from, has already.</summary>
internal sealed class NgramProcessor(int size, bool ofSource) : RowProcessor
{
    public override void Apply(Span<float> scores, ReadOnlySpan<int> tokens, SearchPrompt prompt)
    {
        if (tokens.Length < size - 1) return;
        ReadOnlySpan<int> begin = tokens[(tokens.Length - size + 1)..], where = ofSource ? prompt.Source : tokens;
        for (int start = 0; start + size <= where.Length; start++)
        {
            if (where.Slice(start, size - 1).SequenceEqual(begin)) Ban(scores, where[start + size - 1]);
        }
    }
}
