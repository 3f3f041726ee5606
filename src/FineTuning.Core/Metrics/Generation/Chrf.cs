using FineTuning.Errors;

namespace FineTuning.Metrics;

/// <summary>How chrF is computed.</summary>
/// <remarks>Immutable; change a copy with <c>with</c>. The defaults are sacrebleu's chrF2.</remarks>
public sealed record ChrfOptions
{
    private const int HighestOrder = 100;

    /// <summary>The longest n-gram of characters (code points). Default 6.</summary>
    public int CharacterOrder { get; init; } = 6;

    /// <summary>The longest n-gram of words. Default 0, chrF; 2 is chrF++.</summary>
    public int WordOrder { get; init; }

    /// <summary>How much more recall counts than precision. Default 2.</summary>
    public double Beta { get; init; } = 2;

    /// <summary>Whether upper and lower case are one. Default false.</summary>
    public bool LowerCase { get; init; }

    /// <summary>Whether spaces are characters. Default false.</summary>
    public bool WhiteSpace { get; init; }

    /// <summary>
    /// Whether orders without any n-gram count as almost 0, as in the first scripts; else only orders that both sides have count. Default false.
    /// </summary>
    public bool EpsilonSmoothing { get; init; }

    internal void Validate()
    {
        var violations = new List<string>();
        if (CharacterOrder is < 1 or > HighestOrder) violations.Add($"CharacterOrder is {CharacterOrder}: it is from 1 to {HighestOrder}");
        if (WordOrder is < 0 or > HighestOrder) violations.Add($"WordOrder is {WordOrder}: it is from 0 to {HighestOrder}");
        if (Beta is not (> 0 and <= 1e6)) violations.Add($"Beta is {Beta}: it is above 0 and at most 1,000,000");
        if (violations.Count > 0) throw new InvalidOptionsException(violations);
    }
}

/// <summary>chrF and chrF++: F-scores over n-grams of characters and words (Popović 2015, 2017), with the numbers of sacrebleu.</summary>
/// <remarks>Immutable and thread-safe. Of several references the one with the best score counts.</remarks>
public sealed class Chrf : CorpusMetric
{
    private const double Epsilon = 1e-16;
    private const string Punctuation = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~";

    private readonly ChrfOptions _options;

    /// <summary>Creates the metric.</summary>
    /// <param name="options">Null: chrF2.</param>
    /// <exception cref="InvalidOptionsException">Options are out of range.</exception>
    public Chrf(ChrfOptions? options = null)
    {
        _options = options ?? new ChrfOptions();
        _options.Validate();
    }

    /// <inheritdoc/>
    public override string Name => _options.WordOrder > 0 ? "chrf++" : "chrf";

    /// <inheritdoc/>
    public override bool HigherIsBetter => true;

    private int Orders => _options.CharacterOrder + _options.WordOrder;

    /// <inheritdoc/>
    public override double Score(IReadOnlyList<double> statistics)
    {
        ArgumentNullException.ThrowIfNull(statistics);
        if (statistics.Count != 3 * Orders)
            throw MetricErrors.WrongCounts(statistics, $"chrF of {Orders} orders has {3 * Orders}");
        double smoothed = 0, precision = 0, recall = 0, factor = _options.Beta * _options.Beta;
        int orders = 0;
        for (int i = 0; i < Orders; i++)
        {
            (double given, double wanted, double matched) = (statistics[3 * i], statistics[(3 * i) + 1], statistics[(3 * i) + 2]);
            double p = given > 0 ? matched / given : Epsilon, r = wanted > 0 ? matched / wanted : Epsilon, denominator = (factor * p) + r;
            smoothed += denominator > 0 ? (1 + factor) * p * r / denominator : Epsilon;
            if (given <= 0 || wanted <= 0) continue;
            (precision, recall) = (precision + p, recall + r);
            orders++;
        }
        if (_options.EpsilonSmoothing) return 100 * smoothed / Orders;
        if (precision + recall == 0) return 0;
        (precision, recall) = (precision / orders, recall / orders);
        return 100 * (1 + factor) * precision * recall / ((factor * precision) + recall);
    }

    private protected override double[] Count(string prediction, IReadOnlyList<string> references)
    {
        Dictionary<string, int>[] given = Grams(prediction);
        double[]? best = null;
        double highest = -1;
        foreach (string reference in references)
        {
            double[] counts = Counts(given, Grams(reference));
            double score = Score(counts);
            if (score <= highest) continue;
            (best, highest) = (counts, score);
        }
        return best!;
    }

    private static double[] Counts(Dictionary<string, int>[] given, Dictionary<string, int>[] wanted)
    {
        var counts = new double[3 * given.Length];
        for (int i = 0; i < given.Length; i++)
        {
            // Without such n-grams in the reference none can be right, and none counts as wrong.
            counts[3 * i] = wanted[i].Count == 0 ? 0 : given[i].Values.Sum();
            counts[(3 * i) + 1] = wanted[i].Values.Sum();
            counts[(3 * i) + 2] = given[i].Sum(pair => Math.Min(pair.Value, wanted[i].GetValueOrDefault(pair.Key)));
        }
        return counts;
    }

    private Dictionary<string, int>[] Grams(string text)
    {
        if (_options.LowerCase) text = AnswerText.Lower(text);
        string[] characters = [.. (_options.WhiteSpace ? text : string.Concat(AnswerText.Words(text))).EnumerateRunes().Select(rune => rune.ToString())];
        List<string> words = _options.WordOrder == 0 ? [] : Words(text);
        return [.. Enumerable.Range(1, _options.CharacterOrder).Select(order => NGrams(characters, order)),
            .. Enumerable.Range(1, _options.WordOrder).Select(order => NGrams(words, order))];
    }

    /// <summary>Words with one mark at their end or, without one there, at their beginning split off.</summary>
    private static List<string> Words(string text)
    {
        var words = new List<string>();
        foreach (string word in AnswerText.Words(text))
        {
            if (word.Length > 1 && Punctuation.Contains(word[^1])) words.AddRange([word[..^1], word[^1..]]);
            else if (word.Length > 1 && Punctuation.Contains(word[0])) words.AddRange([word[..1], word[1..]]);
            else words.Add(word);
        }
        return words;
    }
}
