namespace FineTuning.Heads;

/// <summary>A span of the text with the sum of its logits; the offsets 0 and 0 mean no answer.</summary>
internal readonly record struct ScoredSpan(int Start, int End, float Score);

/// <summary>How spans are searched for.</summary>
/// <param name="Count">Starts and ends of a window that are combined, and spans that are kept.</param>
/// <param name="LongestAnswer">Tokens of a span.</param>
internal readonly record struct SearchRules(int Count, int LongestAnswer);

/// <summary>The best spans of a question over its windows: streamed, so that logits are never kept.</summary>
internal sealed class AnswerSearch(SearchRules rules)
{
    private List<ScoredSpan> _best = [];

    /// <summary>The best spans so far, the best first; of equals the earlier window's.</summary>
    public IReadOnlyList<ScoredSpan> Best => _best;

    /// <summary>How much speaks for no answer: the least sum of the first token's logits over the windows.</summary>
    public float NoAnswer { get; private set; } = float.PositiveInfinity;

    /// <summary>The score of the best span that holds text; null where there is none.</summary>
    public ScoredSpan? BestSpan => _best.Find(span => span.End > span.Start) is { } span && span.End > span.Start ? span : null;

    /// <summary>How far no answer is ahead of the best span; infinite where there is none.</summary>
    public double Margin => BestSpan is { } span ? NoAnswer - (double)span.Score : double.PositiveInfinity;

    /// <summary>Adds what a window offers.</summary>
    /// <param name="window">Its range in the text and the offsets of its tokens.</param>
    /// <param name="logits">Those of each token as first and as last, [tokens, 2]; the best are taken from all that are given, so padding is left out.</param>
    /// <param name="fullest">Where an answer may begin. Null: anywhere.</param>
    public void Add(SpanWindow window, ReadOnlySpan<float> logits, bool[]? fullest)
    {
        var (starts, ends) = (new float[logits.Length / 2], new float[logits.Length / 2]);
        for (int i = 0; i < starts.Length; i++) (starts[i], ends[i]) = (logits[2 * i], logits[(2 * i) + 1]);
        NoAnswer = Math.Min(NoAnswer, starts[0] + ends[0]);
        int[] lasts = Highest(ends, rules.Count);
        var found = new List<ScoredSpan>();
        foreach (int first in Highest(starts, rules.Count))
        {
            if (first < window.First || first > window.Last || fullest?[first] == false) continue;
            foreach (int last in lasts)
            {
                if (last < first || last > window.Last || last - first >= rules.LongestAnswer) continue;
                found.Add(new(window.Starts[first - window.First], window.Ends[last - window.First], starts[first] + ends[last]));
            }
        }
        // The sort is stable: what was found first stays before its equals. Of a window's spans only the best can be among the best of all.
        _best = [.. _best.Concat(found).OrderByDescending(span => span.Score).Take(rules.Count)];
    }

    /// <summary>The spans and, where it is allowed, no answer, with their probabilities.</summary>
    public AnswerCandidate[] Candidates(string context, bool allowsNoAnswer)
    {
        List<ScoredSpan> spans = _best;
        if (allowsNoAnswer)
        {
            var none = new ScoredSpan(0, 0, NoAnswer);
            spans = [.. _best.Append(none).OrderByDescending(span => span.Score).Take(rules.Count)];
            if (!spans.Exists(span => span is { Start: 0, End: 0 })) spans.Add(none);
            if (BestSpan is { } best && !spans.Contains(best)) spans.Add(best);
        }
        if (spans.Count == 0) return [];
        double[] probabilities = Probabilities.Softmax([.. spans.Select(span => span.Score)]);
        return [.. spans.Select((span, i) => new AnswerCandidate(Text(context, span), span.Start, span.End, span.Score, probabilities[i]))];
    }

    /// <summary>What is answered.</summary>
    public AnswerSpan Answer(string context, bool allowsNoAnswer, double threshold)
    {
        AnswerCandidate[] candidates = Candidates(context, allowsNoAnswer);
        double? margin = allowsNoAnswer ? Margin : null;
        bool refuses = BestSpan is null || margin > threshold;
        AnswerCandidate chosen = candidates.FirstOrDefault(candidate => refuses == (candidate.Text.Length == 0));
        return new(refuses ? "" : chosen.Text, refuses ? 0 : chosen.Start, refuses ? 0 : chosen.End, chosen.Probability, margin, candidates);
    }

    public static string Text(string context, ScoredSpan span) => span.End > span.Start ? context[span.Start..span.End] : "";

    private static int[] Highest(float[] values, int count)
    {
        var keys = new (float Value, int Index)[values.Length];
        for (int i = 0; i < keys.Length; i++) keys[i] = (-values[i], i);
        Array.Sort(keys);
        return [.. keys.Take(count).Select(key => key.Index)];
    }
}
