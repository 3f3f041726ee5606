namespace FineTuning.Generation;

/// <summary>The k most probable tokens stay, and those that tie with the last of them.</summary>
internal sealed class TopKFilter(int k, FilterScratch scratch, int least = 1, float removed = float.NegativeInfinity) : Filter(scratch, least, removed)
{
    public override void Apply(Span<float> scores, ReadOnlySpan<int> tokens, SearchPrompt prompt) =>
        RemoveBelow(scores, Scratch.Largest(scores, Math.Max(k, Least)));
}

/// <summary>The most probable tokens that together have a probability stay (Holtzman et al. 2020, "The curious case of neural text degeneration").</summary>
internal sealed class TopPFilter(double p, FilterScratch scratch, int least = 1, float removed = float.NegativeInfinity) : Filter(scratch, least, removed)
{
    public override void Apply(Span<float> scores, ReadOnlySpan<int> tokens, SearchPrompt prompt)
    {
        if (p >= 1) return;
        double sum = ScoreMath.LogSumExp(scores);
        // Tokens below (1 - p) / V have less than 1 - p together: they go, whatever their order. Half of it leaves room for rounding.
        float limit = (float)(sum + Math.Log((1 - p) / scores.Length / 2));
        if (Least > 1) limit = Math.Min(limit, Scratch.Largest(scores, Least));
        int count = Scratch.Descending(scores, limit), kept = 0;
        double before = 0;
        while (kept < count && (kept < Least || before < p)) before += Math.Exp(scores[Scratch.Ids[kept++]] - sum);
        KeepFirst(scores, kept);
    }
}

/// <summary>
/// The most probable of the 100 best tokens stay that together have a part of these tokens' entropy (Potraghloo et al. 2025, "Top-H decoding").
/// </summary>
internal sealed class TopHFilter(double part, FilterScratch scratch) : Filter(scratch, 1, float.NegativeInfinity)
{
    private const int Best = 100;

    public override void Apply(Span<float> scores, ReadOnlySpan<int> tokens, SearchPrompt prompt)
    {
        int count = Math.Min(Scratch.Descending(scores, Scratch.Largest(scores, Best)), Best), kept = 0;
        if (count == 0) return;
        float most = scores[Scratch.Ids[0]];
        double sum = 0, entropy = 0, taken = 0;
        for (int i = 0; i < count; i++) sum += Math.Exp(scores[Scratch.Ids[i]] - most);
        double Term(float score)
        {
            double logarithm = score - most - Math.Log(sum);
            return -Math.Exp(logarithm) * logarithm;
        }
        for (int i = 0; i < count; i++) entropy += Term(scores[Scratch.Ids[i]]);
        while (kept < count)
        {
            taken += Term(scores[Scratch.Ids[kept]]);
            if (kept > 0 && taken > part * entropy) break;
            kept++;
        }
        KeepFirst(scores, kept);
    }
}
