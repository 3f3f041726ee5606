namespace FineTuning.Generation;

/// <summary>Divides the scores of tokens that occurred by a penalty, multiplies those below zero: once a token (Keskar et al. 2019, section 4.1).</summary>
internal sealed class RepetitionProcessor(double penalty, bool ofSource, int vocabularySize) : RowProcessor
{
    private readonly float _penalty = (float)(ofSource ? 1 / penalty : penalty);
    private readonly bool[] _seen = new bool[vocabularySize];

    public override void Apply(Span<float> scores, ReadOnlySpan<int> tokens, SearchPrompt prompt)
    {
        // Padding before a prompt is no text; of an encoder's input the reference counts it.
        ReadOnlySpan<int> occurred = ofSource ? prompt.Source : tokens[Math.Min(prompt.Padding, tokens.Length)..];
        foreach (int token in occurred)
        {
            if ((uint)token >= (uint)scores.Length || _seen[token]) continue;
            _seen[token] = true;
            scores[token] = scores[token] < 0 ? scores[token] * _penalty : scores[token] / _penalty;
        }
        foreach (int token in occurred)
        {
            if ((uint)token < (uint)_seen.Length) _seen[token] = false;
        }
    }
}
