using FineTuning.Errors;

namespace FineTuning.Metrics;

/// <summary>
/// A score of generated texts against references that is computed from sums: each text gives a few counts, and the counts of a corpus are their sums.
/// </summary>
/// <remarks>Immutable and thread-safe. <see cref="CorpusAccumulator"/> streams;
/// <see cref="PairedBootstrap"/> says whether a difference may be chance.</remarks>
public abstract class CorpusMetric
{
    private protected CorpusMetric()
    {
    }

    /// <summary>The metric's name in reports, for example <c>bleu</c>.</summary>
    public abstract string Name { get; }

    /// <summary>Whether a larger score is better.</summary>
    public abstract bool HigherIsBetter { get; }

    /// <summary>What a text adds to the counts.</summary>
    /// <param name="prediction">The generated text.</param>
    /// <param name="references">What would have been right, one or several; an empty text is a reference of no words.</param>
    /// <returns>Counts; always as many, in one order.</returns>
    /// <exception cref="ArgumentException">There is no reference, or one is null.</exception>
    public IReadOnlyList<double> Statistics(string prediction, IReadOnlyList<string> references)
    {
        ArgumentNullException.ThrowIfNull(prediction);
        ArgumentNullException.ThrowIfNull(references);
        MetricErrors.RequireAny(references);
        for (int i = 0; i < references.Count; i++)
        {
            if (references[i] is null) throw new ArgumentException($"reference {i} is null; leave it out", nameof(references));
        }
        return Count(prediction, references);
    }

    /// <summary>The score of summed counts.</summary>
    /// <param name="statistics">The sums of what <see cref="Statistics"/> gave.</param>
    /// <returns>0 to 100; an error rate may be larger.</returns>
    public abstract double Score(IReadOnlyList<double> statistics);

    /// <summary>The score of a corpus.</summary>
    /// <param name="predictions">The generated texts.</param>
    /// <param name="references">For each, what would have been right.</param>
    /// <returns>0 to 100; an error rate may be larger.</returns>
    /// <exception cref="ArgumentException">There is no text, or not as many lists of references.</exception>
    public double Corpus(IReadOnlyList<string> predictions, IReadOnlyList<IReadOnlyList<string>> references)
    {
        NullMembers.RequireEntries(predictions, nameof(predictions));
        NullMembers.RequireNested(references, nameof(references));
        if (predictions.Count != references.Count)
            throw new ArgumentException($"there are {predictions.Count} predictions and {references.Count} lists of references", nameof(references));
        var accumulator = new CorpusAccumulator(this);
        for (int i = 0; i < predictions.Count; i++) accumulator.Add(predictions[i], references[i]);
        return accumulator.Score;
    }

    /// <summary>The score of one text.</summary>
    /// <param name="prediction">The generated text.</param>
    /// <param name="references">What would have been right, one or several.</param>
    public virtual double Sentence(string prediction, params IReadOnlyList<string> references) => Score(Statistics(prediction, references));

    private protected abstract double[] Count(string prediction, IReadOnlyList<string> references);

    /// <summary>How often each n-gram of words occurs; the words are joined by a character that no word holds.</summary>
    private protected static Dictionary<string, int> NGrams(IReadOnlyList<string> words, int order)
    {
        var counts = new Dictionary<string, int>(StringComparer.Ordinal);
        for (int start = 0; start + order <= words.Count; start++)
        {
            string gram = order == 1 ? words[start] : string.Join('\u001F', Enumerable.Range(start, order).Select(i => words[i]));
            counts[gram] = counts.GetValueOrDefault(gram) + 1;
        }
        return counts;
    }
}

/// <summary>Adds up texts for a <see cref="CorpusMetric"/>: counts only, never the texts. In any batches it gives the score of one call.</summary>
/// <remarks>For one thread.</remarks>
/// <param name="metric">The metric.</param>
public sealed class CorpusAccumulator(CorpusMetric metric)
{
    private readonly CorpusMetric _metric = metric ?? throw new ArgumentNullException(nameof(metric));
    private double[]? _sums;

    /// <summary>Texts added.</summary>
    public long Count { get; private set; }

    /// <summary>The sums of the counts; empty before the first text.</summary>
    public IReadOnlyList<double> Statistics => _sums is null ? [] : [.. _sums];

    /// <summary>The score over all texts.</summary>
    /// <exception cref="InvalidOperationException">No text was added.</exception>
    public double Score => _sums is null ? throw MetricErrors.NothingAdded("text") : _metric.Score(_sums);

    /// <summary>Adds a text.</summary>
    /// <param name="prediction">The generated text.</param>
    /// <param name="references">What would have been right, one or several.</param>
    /// <exception cref="ArgumentException">There is no reference.</exception>
    public void Add(string prediction, params IReadOnlyList<string> references)
    {
        IReadOnlyList<double> counts = _metric.Statistics(prediction, references);
        _sums ??= new double[counts.Count];
        for (int i = 0; i < _sums.Length; i++) _sums[i] += counts[i];
        Count++;
    }
}
