using FineTuning.Errors;

namespace FineTuning.Metrics;

/// <summary>METEOR (Banerjee and Lavie 2005; parameters of Lavie and Agarwal 2007) with the exact and the stem stage, without synonyms.</summary>
/// <remarks>
/// Equals NLTK's with a WordNet that knows nothing; with synonyms scores are higher, so name the difference where numbers are compared. A text that is its own
/// reference scores below 1, since one chunk is penalised. Immutable and thread-safe.
/// </remarks>
public sealed class Meteor
{
    private readonly double _alpha, _beta, _gamma;

    /// <summary>Creates the metric.</summary>
    /// <param name="alpha">How much precision counts against recall, from 0 to 1.</param>
    /// <param name="beta">How fast the penalty grows with fragmentation; 0 or more.</param>
    /// <param name="gamma">The largest penalty, from 0 to 1.</param>
    /// <exception cref="InvalidOptionsException">A parameter is out of range.</exception>
    public Meteor(double alpha = 0.9, double beta = 3, double gamma = 0.5)
    {
        var violations = new List<string>();
        if (alpha is not (>= 0 and <= 1)) violations.Add($"alpha is {alpha}: it is from 0 to 1");
        if (beta is not (>= 0 and <= 1e6)) violations.Add($"beta is {beta}: it is from 0 to 1,000,000");
        if (gamma is not (>= 0 and <= 1)) violations.Add($"gamma is {gamma}: it is from 0 to 1");
        if (violations.Count > 0) throw new InvalidOptionsException(violations);
        (_alpha, _beta, _gamma) = (alpha, beta, gamma);
    }

    /// <summary>The score of a text: that of the best reference.</summary>
    /// <param name="prediction">The generated text; words stand between white space.</param>
    /// <param name="references">What would have been right, one or several.</param>
    /// <returns>0 to 1.</returns>
    /// <exception cref="ArgumentException">There is no reference, or one is null.</exception>
    public double Score(string prediction, params IReadOnlyList<string> references)
    {
        ArgumentNullException.ThrowIfNull(prediction);
        ArgumentNullException.ThrowIfNull(references);
        MetricErrors.RequireReferences(references);
        string[] words = AnswerText.Words(AnswerText.Lower(prediction));
        return references.Max(reference => Score(words, AnswerText.Words(AnswerText.Lower(reference))));
    }

    private double Score(string[] words, string[] reference)
    {
        int[] partners = Partners(words, reference);
        int matches = partners.Count(partner => partner >= 0), chunks = 0, last = -2;
        if (matches == 0) return 0;
        int previous = -2;
        for (int i = 0; i < partners.Length; i++)
        {
            if (partners[i] < 0) continue;
            if (i != previous + 1 || partners[i] != last + 1) chunks++;
            (previous, last) = (i, partners[i]);
        }
        double precision = (double)matches / words.Length, recall = (double)matches / reference.Length;
        double mean = precision * recall / ((_alpha * precision) + ((1 - _alpha) * recall));
        return (1 - (_gamma * Math.Pow((double)chunks / matches, _beta))) * mean;
    }

    /// <summary>Equal words first, then equal stems, each from the end.</summary>
    private static int[] Partners(string[] words, string[] reference)
    {
        var partners = new int[words.Length];
        Array.Fill(partners, -1);
        var taken = new bool[reference.Length];
        Match(words, reference, partners, taken);
        Match([.. words.Select(PorterStemmer.Stem)], [.. reference.Select(PorterStemmer.Stem)], partners, taken);
        return partners;
    }

    private static void Match(string[] words, string[] reference, int[] partners, bool[] taken)
    {
        for (int i = words.Length - 1; i >= 0; i--)
        {
            if (partners[i] >= 0) continue;
            int partner = reference.Length - 1;
            while (partner >= 0 && (taken[partner] || reference[partner] != words[i])) partner--;
            if (partner < 0) continue;
            (partners[i], taken[partner]) = (partner, true);
        }
    }
}
