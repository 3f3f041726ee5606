namespace FineTuning.Metrics;

/// <summary>BLEU (Papineni et al. 2002), with the numbers of sacrebleu (Post 2018).</summary>
/// <remarks>Immutable and thread-safe.</remarks>
public sealed class Bleu : CorpusMetric
{
    // What the logarithm of a precision of 0 counts as: exp of a mean with it is 0.
    private const double LogarithmOfNothing = -9999999999;

    private readonly BleuOptions _options;

    /// <summary>Creates the metric.</summary>
    /// <param name="options">Null: sacrebleu's defaults.</param>
    /// <exception cref="Errors.InvalidOptionsException">Options are out of range.</exception>
    public Bleu(BleuOptions? options = null)
    {
        _options = options ?? new BleuOptions();
        _options.Validate();
    }

    /// <inheritdoc/>
    public override string Name => "bleu";

    /// <inheritdoc/>
    public override bool HigherIsBetter => true;

    /// <inheritdoc/>
    public override double Score(IReadOnlyList<double> statistics) => Describe(statistics).Score;

    /// <summary>The score of summed counts, with what it is made of.</summary>
    /// <param name="statistics">The sums of what <see cref="CorpusMetric.Statistics"/> gave: two lengths, the matches, the totals.</param>
    public BleuScore Describe(IReadOnlyList<double> statistics)
    {
        ArgumentNullException.ThrowIfNull(statistics);
        int orders = _options.HighestNGram;
        if (statistics.Count != (2 * orders) + 2)
            throw MetricErrors.WrongCounts(statistics, $"BLEU of {orders} orders has {(2 * orders) + 2}");
        (double length, double expected) = (statistics[0], statistics[1]);
        double[] matches = [.. statistics.Skip(2).Take(orders)], totals = [.. statistics.Skip(2 + orders)], precisions = new double[orders];
        double penalty = length >= expected ? 1 : length > 0 ? Math.Exp(1 - (expected / length)) : 0;
        if (matches.All(count => count == 0)) return new(0, precisions, matches, totals, penalty, length, expected);
        int effective = Precisions(matches, totals, precisions);
        double mean = precisions.Take(effective).Sum(precision => precision == 0 ? LogarithmOfNothing : Math.Log(precision)) / effective;
        return new(penalty * Math.Exp(mean), precisions, matches, totals, penalty, length, expected);
    }

    private protected override double[] Count(string prediction, IReadOnlyList<string> references)
    {
        int orders = _options.HighestNGram;
        string[] words = Words(prediction);
        string[][] expected = [.. references.Select(Words)];
        var counts = new double[(2 * orders) + 2];
        counts[0] = words.Length;
        counts[1] = expected.Select(reference => reference.Length).MinBy(length => (Math.Abs(length - words.Length), length));
        for (int order = 1; order <= orders; order++)
        {
            Dictionary<string, int> found = NGrams(words, order);
            var most = new Dictionary<string, int>(StringComparer.Ordinal);
            foreach ((string gram, int count) in expected.SelectMany(reference => NGrams(reference, order)))
                most[gram] = Math.Max(count, most.GetValueOrDefault(gram));
            counts[1 + order] = found.Sum(pair => Math.Min(pair.Value, most.GetValueOrDefault(pair.Key)));
            counts[1 + orders + order] = Math.Max(0, words.Length - order + 1);
        }
        return counts;
    }

    /// <summary>Fills in the smoothed precisions; gives over how many orders the mean goes.</summary>
    private int Precisions(double[] matches, double[] totals, double[] precisions)
    {
        (double smallest, int effective) = (1, precisions.Length);
        for (int i = 0; i < precisions.Length; i++)
        {
            if (_options.Smoothing == BleuSmoothing.AddK && i > 0)
                (matches[i], totals[i]) = (matches[i] + _options.SmoothingCount, totals[i] + _options.SmoothingCount);
            if (totals[i] == 0) break;
            if (_options.EffectiveOrder) effective = i + 1;
            if (matches[i] == 0 && _options.Smoothing == BleuSmoothing.Exponential) smallest *= 2;
            double count = matches[i] > 0 ? matches[i] : _options.Smoothing switch
            {
                BleuSmoothing.Exponential => 1 / smallest,
                BleuSmoothing.Floor => _options.SmoothingCount,
                _ => 0,
            };
            precisions[i] = 100 * count / totals[i];
        }
        return effective;
    }

    private string[] Words(string text) => BleuTokens.Of(_options.LowerCase ? AnswerText.Lower(text) : text, _options.Tokenization);
}
