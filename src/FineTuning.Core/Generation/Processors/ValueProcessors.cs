using System.Numerics;

namespace FineTuning.Generation;

/// <summary>Replaces scores that are no numbers by 0, infinite ones by the largest and the smallest number.</summary>
internal sealed class InvalidValueProcessor : RowProcessor
{
    public override void Apply(Span<float> scores, ReadOnlySpan<int> tokens, SearchPrompt prompt) => Apply(scores);

    public static void Apply(Span<float> scores)
    {
        for (int i = 0; i < scores.Length; i++)
        {
            if (float.IsFinite(scores[i])) continue;
            scores[i] = float.IsNaN(scores[i]) ? 0 : scores[i] > 0 ? float.MaxValue : float.MinValue;
        }
    }
}

/// <summary>Makes log-probabilities of scores.</summary>
internal sealed class NormalizingProcessor : RowProcessor
{
    public override void Apply(Span<float> scores, ReadOnlySpan<int> tokens, SearchPrompt prompt) => ScoreMath.LogSoftmax(scores);
}

/// <summary>Divides scores by the temperature.</summary>
internal sealed class TemperatureProcessor(double temperature) : RowProcessor
{
    private readonly float _temperature = (float)temperature;

    public override void Apply(Span<float> scores, ReadOnlySpan<int> tokens, SearchPrompt prompt)
    {
        int i = 0;
        var divisor = new Vector<float>(_temperature);
        for (; i <= scores.Length - Vector<float>.Count; i += Vector<float>.Count) (new Vector<float>(scores[i..]) / divisor).CopyTo(scores[i..]);
        for (; i < scores.Length; i++) scores[i] /= _temperature;
    }
}
