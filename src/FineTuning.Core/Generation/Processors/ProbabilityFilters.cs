namespace FineTuning.Generation;

/// <summary>Tokens with a part of the highest probability stay (Nguyen et al. 2024, "Turning up the heat: min-p sampling").</summary>
internal sealed class MinPFilter(double part, FilterScratch scratch, int least = 1, float removed = float.NegativeInfinity) : Filter(scratch, least, removed)
{
    public override void Apply(Span<float> scores, ReadOnlySpan<int> tokens, SearchPrompt prompt)
    {
        // p < part * p_max, in logarithms.
        double limit = ScoreMath.Max(scores) + Math.Log(part);
        RemoveBelow(scores, Math.Min((float)limit, Scratch.Largest(scores, Least)));
    }
}

/// <summary>
/// Tokens of a probability stay: epsilon, or, where it <paramref name="adapts"/>, min(epsilon, sqrt(epsilon) exp(-entropy)) (Hewitt et al. 2022, "Truncation
/// sampling as language model desmoothing").
/// </summary>
internal sealed class CutoffFilter(double epsilon, bool adapts, FilterScratch scratch, int least = 1) : Filter(scratch, least, float.NegativeInfinity)
{
    public override void Apply(Span<float> scores, ReadOnlySpan<int> tokens, SearchPrompt prompt)
    {
        double sum = ScoreMath.LogSumExp(scores), cutoff = epsilon;
        if (adapts)
        {
            double entropy = 0;
            foreach (float score in scores)
            {
                if (!float.IsNegativeInfinity(score)) entropy -= Math.Exp(score - sum) * (score - sum);
            }
            cutoff = Math.Min(epsilon, Math.Sqrt(epsilon) * Math.Exp(-entropy));
        }
        RemoveBelow(scores, Math.Min((float)(sum + Math.Log(cutoff)), Scratch.Largest(scores, Least)));
    }
}

/// <summary>
/// The tokens whose information is nearest to the entropy stay, until they have a probability together (Meister et al. 2022, "Locally typical sampling").
/// </summary>
internal sealed class TypicalFilter(double mass, FilterScratch scratch, int least = 1) : Filter(scratch, least, float.NegativeInfinity)
{
    public override void Apply(Span<float> scores, ReadOnlySpan<int> tokens, SearchPrompt prompt)
    {
        double sum = ScoreMath.LogSumExp(scores), entropy = 0, taken = 0;
        int count = 0;
        foreach (float score in scores)
        {
            if (!float.IsNegativeInfinity(score)) entropy -= Math.Exp(score - sum) * (score - sum);
        }
        for (int i = 0; i < scores.Length; i++)
        {
            if (float.IsNegativeInfinity(scores[i])) continue;
            Scratch.Keys[count] = (float)Math.Abs(sum - scores[i] - entropy);
            Scratch.Ids[count++] = i;
        }
        Scratch.Keys.AsSpan(0, count).Sort(Scratch.Ids.AsSpan(0, count));
        int last = 0;
        while (last < count)
        {
            taken += Math.Exp(scores[Scratch.Ids[last]] - sum);
            if (taken >= mass) break;
            last++;
        }
        if (last >= count - 1) return;
        int kept = last + 1;
        // What is as near as the last stays too.
        while (kept < count && Scratch.Keys[kept] <= Scratch.Keys[last]) kept++;
        KeepFirst(scores, Math.Min(count, Math.Max(kept, Least)));
    }
}
