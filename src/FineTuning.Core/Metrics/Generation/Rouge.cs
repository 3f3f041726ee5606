using FineTuning.Errors;

namespace FineTuning.Metrics;

/// <summary>Precision, recall and F1 of a text against a reference, from 0 to 1.</summary>
/// <param name="Precision">Of the text, the share that the reference has.</param>
/// <param name="Recall">Of the reference, the share that the text has.</param>
/// <param name="F1">Their harmonic mean; 0 where both are.</param>
public readonly record struct OverlapScore(double Precision, double Recall, double F1)
{
    internal static OverlapScore Of(double hits, double given, double wanted)
    {
        (double precision, double recall) = (given > 0 ? hits / given : 0, wanted > 0 ? hits / wanted : 0);
        return new(precision, recall, precision + recall > 0 ? 2 * precision * recall / (precision + recall) : 0);
    }
}

/// <summary>What of a text ROUGE compares.</summary>
/// <remarks>Immutable.</remarks>
public readonly record struct RougeKind
{
    private const int HighestOrder = 9;

    private RougeKind(string name, int order) => (Name, Order) = (name, order);

    /// <summary>The longest common subsequence of all words.</summary>
    public static RougeKind L { get; } = new("rougeL", 0);

    /// <summary>The union of the longest common subsequences of each sentence of the reference; sentences are lines.</summary>
    public static RougeKind LSum { get; } = new("rougeLsum", 0);

    /// <summary>The name in reports, for example <c>rouge1</c>.</summary>
    public string Name { get; }

    internal int Order { get; }

    /// <summary>Runs of so many words.</summary>
    /// <param name="order">From 1 to 9.</param>
    public static RougeKind N(int order) => order is >= 1 and <= HighestOrder ? new($"rouge{order}", order)
        : throw new ArgumentOutOfRangeException(nameof(order), order, $"it is from 1 to {HighestOrder}");
}

/// <summary>ROUGE (Lin 2004), with the numbers of Google's rouge-score.</summary>
/// <remarks>
/// Words are runs of a to z and 0 to 9 of the lower-cased text: other letters vanish, and two texts without any have 0. Immutable and thread-safe.
/// </remarks>
/// <param name="kind">What is compared.</param>
/// <param name="useStemmer">Whether words of four letters and more are cut to their stems (Porter 1980, with NLTK's additions).</param>
public sealed class Rouge(RougeKind kind, bool useStemmer = false)
{
    private const int LongestUnstemmed = 3;

    /// <summary>The name in reports.</summary>
    public string Name => kind.Name;

    /// <summary>The score of a text: that of the reference with the best F1, the first of equals.</summary>
    /// <param name="prediction">The generated text.</param>
    /// <param name="references">What would have been right, one or several.</param>
    /// <exception cref="ArgumentException">There is no reference, or one is null.</exception>
    public OverlapScore Score(string prediction, params IReadOnlyList<string> references)
    {
        ArgumentNullException.ThrowIfNull(prediction);
        ArgumentNullException.ThrowIfNull(references);
        if (kind.Name is null) throw new InvalidOptionsException(["the kind of ROUGE is not set: it is RougeKind.N(order), L or LSum"]);
        MetricErrors.RequireReferences(references);
        return references.Select(reference => Of(prediction, reference)).MaxBy(score => score.F1);
    }

    internal string[] Words(string text)
    {
        var words = new List<string>();
        string lower = AnswerText.Lower(text);
        for (int i = 0; i < lower.Length;)
        {
            int end = i;
            while (end < lower.Length && char.IsAsciiLetterOrDigit(lower[end])) end++;
            if (end > i) words.Add(lower[i..end]);
            i = end + 1;
        }
        return [.. words.Select(word => useStemmer && word.Length > LongestUnstemmed ? PorterStemmer.Stem(word) : word)];
    }

    private OverlapScore Of(string prediction, string reference)
    {
        if (kind == RougeKind.LSum) return Sentences(prediction, reference);
        string[] given = Words(prediction), wanted = Words(reference);
        if (kind == RougeKind.L) return OverlapScore.Of(CommonSubsequence.Indices(wanted, given).Count, given.Length, wanted.Length);
        Dictionary<string, int> grams = Counts(given, kind.Order), expected = Counts(wanted, kind.Order);
        return OverlapScore.Of(expected.Sum(pair => Math.Min(pair.Value, grams.GetValueOrDefault(pair.Key))), grams.Values.Sum(), expected.Values.Sum());
    }

    /// <summary>Lin 2004, section 3.2; each word counts at most as often as it stands on either side.</summary>
    private OverlapScore Sentences(string prediction, string reference)
    {
        string[][] given = Lines(prediction), wanted = Lines(reference);
        Dictionary<string, int> left = Counts([.. given.SelectMany(line => line)], 1), needed = Counts([.. wanted.SelectMany(line => line)], 1);
        int hits = 0;
        foreach (string[] line in wanted)
        {
            foreach (int index in given.SelectMany(other => CommonSubsequence.Indices(line, other)).Distinct().Order())
            {
                string word = line[index];
                if (left.GetValueOrDefault(word) == 0 || needed.GetValueOrDefault(word) == 0) continue;
                left[word]--;
                needed[word]--;
                hits++;
            }
        }
        return OverlapScore.Of(hits, given.Sum(line => line.Length), wanted.Sum(line => line.Length));
    }

    private string[][] Lines(string text) => [.. text.Split('\n').Where(line => line.Length > 0).Select(Words)];

    private static Dictionary<string, int> Counts(string[] words, int order)
    {
        var counts = new Dictionary<string, int>(StringComparer.Ordinal);
        for (int start = 0; start + order <= words.Length; start++)
        {
            string gram = string.Join(' ', words, start, order);
            counts[gram] = counts.GetValueOrDefault(gram) + 1;
        }
        return counts;
    }
}

/// <summary>The longest common subsequence of two lists of words.</summary>
internal static class CommonSubsequence
{
    /// <summary>Which words of the first are in it, rising; of several equally long ones that which is found from the end.</summary>
    public static List<int> Indices(string[] first, string[] second)
    {
        var lengths = new int[first.Length + 1, second.Length + 1];
        for (int i = 1; i <= first.Length; i++)
        {
            for (int j = 1; j <= second.Length; j++)
                lengths[i, j] = first[i - 1] == second[j - 1] ? lengths[i - 1, j - 1] + 1 : Math.Max(lengths[i - 1, j], lengths[i, j - 1]);
        }
        var indices = new List<int>();
        for ((int i, int j) = (first.Length, second.Length); i > 0 && j > 0;)
        {
            if (first[i - 1] == second[j - 1])
            {
                indices.Add(--i);
                j--;
            }
            else if (lengths[i, j - 1] > lengths[i - 1, j]) j--;
            else i--;
        }
        indices.Reverse();
        return indices;
    }
}

/// <summary>The means of ROUGE over texts, added one by one.</summary>
/// <remarks>For one thread.</remarks>
/// <param name="rouge">The metric.</param>
public sealed class RougeAccumulator(Rouge rouge)
{
    private readonly Rouge _rouge = rouge ?? throw new ArgumentNullException(nameof(rouge));
    private double _precision, _recall, _f1;

    /// <summary>Texts added.</summary>
    public long Count { get; private set; }

    /// <summary>The plain means over all texts.</summary>
    /// <exception cref="InvalidOperationException">No text was added.</exception>
    public OverlapScore Mean => Count == 0 ? throw MetricErrors.NothingAdded("text")
        : new(_precision / Count, _recall / Count, _f1 / Count);

    /// <summary>Adds a text.</summary>
    /// <param name="prediction">The generated text.</param>
    /// <param name="references">What would have been right, one or several.</param>
    /// <returns>The text's own score.</returns>
    public OverlapScore Add(string prediction, params IReadOnlyList<string> references)
    {
        OverlapScore score = _rouge.Score(prediction, references);
        (_precision, _recall, _f1) = (_precision + score.Precision, _recall + score.Recall, _f1 + score.F1);
        Count++;
        return score;
    }
}
