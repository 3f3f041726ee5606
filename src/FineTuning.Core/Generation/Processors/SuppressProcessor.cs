namespace FineTuning.Generation;

/// <summary>Bans tokens: always, or where the text has one certain length. Those beyond the vocabulary are none.</summary>
internal sealed class SuppressProcessor(IReadOnlyList<int> suppressed, int? length = null) : RowProcessor
{
    private readonly int[] _suppressed = [.. suppressed];

    public override void Apply(Span<float> scores, ReadOnlySpan<int> tokens, SearchPrompt prompt)
    {
        if (length is not null && length != tokens.Length) return;
        foreach (int token in _suppressed) Ban(scores, token);
    }
}
