namespace FineTuning.Heads;

/// <summary>Outputs into probabilities, in double.</summary>
internal static class Probabilities
{
    public static double[] Softmax(ReadOnlySpan<float> logits)
    {
        double highest = double.NegativeInfinity;
        foreach (float logit in logits) highest = Math.Max(highest, logit);
        var probabilities = new double[logits.Length];
        double sum = 0;
        for (int i = 0; i < logits.Length; i++) sum += probabilities[i] = Math.Exp(logits[i] - highest);
        for (int i = 0; i < probabilities.Length; i++) probabilities[i] /= sum;
        return probabilities;
    }

    public static double[] Sigmoid(ReadOnlySpan<float> logits)
    {
        var probabilities = new double[logits.Length];
        for (int i = 0; i < logits.Length; i++) probabilities[i] = 1 / (1 + Math.Exp(-(double)logits[i]));
        return probabilities;
    }

    /// <summary>Labels with their scores, the highest first, ties in label order.</summary>
    public static LabelScore<TLabel>[] Ranked<TLabel>(IReadOnlyList<TLabel> labels, double[] scores) =>
        [.. Enumerable.Range(0, scores.Length).OrderByDescending(i => scores[i]).Select(i => new LabelScore<TLabel>(labels[i], scores[i]))];
}
