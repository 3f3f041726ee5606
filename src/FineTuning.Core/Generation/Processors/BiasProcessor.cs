namespace FineTuning.Generation;

/// <summary>Adds to the score of a sequence's last token where the others stand at the end of the text; minus infinity: a bad word.</summary>
internal sealed class BiasProcessor : RowProcessor
{
    private readonly (int[] Tokens, float Bias)[] _sequences;

    /// <param name="biases">Of a sequence that stands there twice the last bias holds.</param>
    public BiasProcessor(IEnumerable<(IReadOnlyList<int> Tokens, double Bias)> biases) =>
        _sequences = [.. biases.GroupBy(bias => string.Join(' ', bias.Tokens)).Select(group => (group.Last().Tokens.ToArray(), (float)group.Last().Bias))];

    public static BiasProcessor BadWords(IReadOnlyList<IReadOnlyList<int>> words, int[] endTokens) =>
        new(words.Where(word => word.Count > 1 || !endTokens.Contains(word[0])).Select(word => (word, double.NegativeInfinity)));

    public override void Apply(Span<float> scores, ReadOnlySpan<int> tokens, SearchPrompt prompt)
    {
        foreach ((int[] sequence, float bias) in _sequences)
        {
            int last = sequence[^1];
            if ((uint)last < (uint)scores.Length && tokens.EndsWith(sequence.AsSpan(..^1))) scores[last] += bias;
        }
    }
}
