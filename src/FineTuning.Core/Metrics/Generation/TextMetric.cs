using FineTuning.Errors;

namespace FineTuning.Metrics;

/// <summary>Scores of texts that a model writes, as metrics that its evaluations show: <c>model.AddMetric(TextMetric.Of(new Bleu()))</c>.</summary>
/// <remarks>
/// They are over the references of a text and the text that the model wrote, which is what models that write, and those that answer questions, give.
/// Immutable and thread-safe.
/// </remarks>
public static class TextMetric
{
    /// <summary>BLEU, chrF or TER over all texts, from summed counts, 0 to 100.</summary>
    /// <param name="metric">The score; its name is the metric's.</param>
    public static UserMetric Of(CorpusMetric metric)
    {
        ArgumentNullException.ThrowIfNull(metric);
        return Streaming(metric.Name, metric.HigherIsBetter ? MetricDirection.Higher : MetricDirection.Lower, () =>
        {
            var sums = new CorpusAccumulator(metric);
            return new Texts((output, references) => sums.Add(output, references), () => sums.Score);
        });
    }

    /// <summary>The mean F1 of ROUGE, 0 to 1.</summary>
    /// <param name="rouge">What is compared; its name is the metric's.</param>
    public static UserMetric Of(Rouge rouge)
    {
        ArgumentNullException.ThrowIfNull(rouge);
        if (rouge.Name is null) throw new InvalidOptionsException(["the kind of ROUGE is not set: it is RougeKind.N(order), L or LSum"]);
        return Streaming(rouge.Name, MetricDirection.Higher, () =>
        {
            var means = new RougeAccumulator(rouge);
            return new Texts((output, references) => means.Add(output, references), () => means.Mean.F1);
        });
    }

    /// <summary>The mean METEOR, 0 to 1, as <c>meteor</c>.</summary>
    /// <param name="meteor">Its parameters.</param>
    public static UserMetric Of(Meteor meteor)
    {
        ArgumentNullException.ThrowIfNull(meteor);
        return Mean("meteor", MetricDirection.Higher, (output, references) => meteor.Score(output, references));
    }

    /// <summary>The share of texts that equal one of their references, 0 to 1, as <c>exact_match</c>; white space at the ends does not count.</summary>
    /// <param name="ignoreCase">Whether upper and lower case are one.</param>
    public static UserMetric ExactMatch(bool ignoreCase = false) => Streaming("exact_match", MetricDirection.Higher, () =>
    {
        var matches = new MatchAccumulator(ignoreCase);
        return new Texts((output, references) => matches.AddText(output.Trim(), [.. references.Select(text => text.Trim())]), () => matches.ExactMatch);
    });

    /// <summary>The mean of a score of your own over the texts.</summary>
    /// <param name="name">Its name in reports.</param>
    /// <param name="direction">Which way it gets better.</param>
    /// <param name="score">From the text that the model wrote and its references to the score of that text.</param>
    public static UserMetric Mean(string name, MetricDirection direction, Func<string, IReadOnlyList<string>, double> score)
    {
        ArgumentNullException.ThrowIfNull(score);
        return Streaming(name, direction, () =>
        {
            double sum = 0;
            int count = 0;
            return new Texts((output, references) => (sum, count) = (sum + score(output, references), count + 1), () => count > 0 ? sum / count : double.NaN);
        });
    }

    private static UserMetric Streaming(string name, MetricDirection direction, Func<Texts> create) =>
        UserMetric.Streaming<IReadOnlyList<string>, string>(name, direction, create);

    private sealed class Texts(Action<string, IReadOnlyList<string>> add, Func<double> value) : IMetricAccumulator<IReadOnlyList<string>, string>
    {
        public double Value => value();

        public void Add(IReadOnlyList<string> target, string prediction) => add(prediction, target);
    }
}
