namespace FineTuning.Generation;

/// <summary>
/// Moves scores away from those after another prompt: u + g (a - u) over log-probabilities (Sanchez et al. 2023, "Stay on topic with classifier-free
/// guidance").
/// </summary>
/// <remarks>It owns neither source.</remarks>
internal sealed class GuidedScores(IScoreSource source, IScoreSource other, double scale, IReadOnlyList<int>? negativePrompt) : IScoreSource
{
    private float[] _others = [];

    public int VocabularySize => source.VocabularySize;

    public void Start(IReadOnlyList<int[]> rows, IReadOnlyList<int> padding, Span<float> scores)
    {
        source.Start(rows, padding, scores);
        int[]? negative = negativePrompt is null ? null : [.. negativePrompt];
        other.Start([.. rows.Select(row => negative ?? row[^1..])], new int[rows.Count], Others(scores.Length));
        Combine(scores);
    }

    public void Next(ReadOnlySpan<int> tokens, ReadOnlySpan<int> parents, Span<float> scores)
    {
        source.Next(tokens, parents, scores);
        other.Next(tokens, parents, Others(scores.Length));
        Combine(scores);
    }

    public void Dispose()
    {
    }

    private Span<float> Others(int length)
    {
        if (_others.Length < length) _others = new float[length];
        return _others.AsSpan(0, length);
    }

    private void Combine(Span<float> scores)
    {
        int size = VocabularySize;
        for (int start = 0; start < scores.Length; start += size)
        {
            Span<float> own = scores.Slice(start, size), others = _others.AsSpan(start, size);
            double ownSum = ScoreMath.LogSumExp(own), otherSum = ScoreMath.LogSumExp(others);
            for (int i = 0; i < size; i++)
            {
                double unconditional = others[i] - otherSum;
                own[i] = (float)(unconditional + (scale * (own[i] - ownSum - unconditional)));
            }
        }
    }
}
