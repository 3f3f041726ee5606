namespace FineTuning.Metrics;

/// <summary>Scores of searches, query by query: only sums are kept.</summary>
/// <remarks>
/// Accuracy, precision, recall, mean reciprocal rank, normalized discounted cumulative gain (binary relevance) and mean average precision within the
/// first k results, by the definitions of sentence-transformers' evaluator. For one thread.
/// </remarks>
public sealed class RetrievalAccumulator
{
    private static readonly int[] Usual = [1, 3, 5, 10];

    private readonly int[] _cutoffs;
    private readonly int _gainDepth;
    private readonly int _precisionDepth;
    private readonly double[] _accuracy, _precision, _recall;
    private double _reciprocalRank, _gain, _averagePrecision;

    /// <summary>Creates an accumulator.</summary>
    /// <param name="cutoffs">The k of accuracy, precision and recall. Null: 1, 3, 5, 10.</param>
    /// <param name="rankDepth">The k of reciprocal rank and gain.</param>
    /// <param name="precisionDepth">The k of average precision.</param>
    public RetrievalAccumulator(IReadOnlyList<int>? cutoffs = null, int rankDepth = 10, int precisionDepth = 100)
    {
        _cutoffs = [.. (cutoffs ?? Usual).Distinct().Order()];
        if (_cutoffs.Length == 0 || _cutoffs[0] < 1) throw new ArgumentException("cutoffs are 1 or more, and there is at least one", nameof(cutoffs));
        ArgumentOutOfRangeException.ThrowIfLessThan(rankDepth, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(precisionDepth, 1);
        (_gainDepth, _precisionDepth) = (rankDepth, precisionDepth);
        (_accuracy, _precision, _recall) = (new double[_cutoffs.Length], new double[_cutoffs.Length], new double[_cutoffs.Length]);
    }

    /// <summary>How many results of a query are looked at.</summary>
    public int Depth => Math.Max(_cutoffs[^1], Math.Max(_gainDepth, _precisionDepth));

    /// <summary>Queries that count.</summary>
    public int Queries { get; private set; }

    /// <summary>Queries without anything relevant: they count nowhere.</summary>
    public int QueriesWithoutRelevant { get; private set; }

    /// <summary>Adds the results of a query.</summary>
    /// <typeparam name="TId">What results are known by.</typeparam>
    /// <param name="ranked">The results, the best first, each once; those after <see cref="Depth"/> are not looked at.</param>
    /// <param name="relevant">All that should have been found.</param>
    public void Add<TId>(IReadOnlyList<TId> ranked, IReadOnlySet<TId> relevant)
    {
        ArgumentNullException.ThrowIfNull(ranked);
        ArgumentNullException.ThrowIfNull(relevant);
        if (relevant.Count == 0)
        {
            QueriesWithoutRelevant++;
            return;
        }
        Queries++;
        int[] ranks = [.. Enumerable.Range(1, Math.Min(Depth, ranked.Count)).Where(rank => relevant.Contains(ranked[rank - 1]))];
        for (int i = 0; i < _cutoffs.Length; i++)
        {
            int hits = ranks.Count(rank => rank <= _cutoffs[i]);
            _accuracy[i] += hits > 0 ? 1 : 0;
            _precision[i] += hits / (double)_cutoffs[i];
            _recall[i] += hits / (double)relevant.Count;
        }
        if (ranks.Length > 0 && ranks[0] <= _gainDepth) _reciprocalRank += 1.0 / ranks[0];
        double ideal = Enumerable.Range(1, Math.Min(relevant.Count, _gainDepth)).Sum(Discount);
        _gain += ranks.Where(rank => rank <= _gainDepth).Sum(Discount) / ideal;
        double precisions = ranks.Select((rank, index) => rank <= _precisionDepth ? (index + 1.0) / rank : 0).Sum();
        _averagePrecision += precisions / Math.Min(_precisionDepth, relevant.Count);
    }

    /// <summary>The means over all queries that have something relevant: <c>accuracy@1</c>, <c>mrr@10</c> and so on.</summary>
    /// <exception cref="InvalidOperationException">There is no such query.</exception>
    public MetricReport Report()
    {
        if (Queries == 0)
            throw new InvalidOperationException($"there is nothing to evaluate: no query with anything relevant was added ({QueriesWithoutRelevant} without)");
        var values = new List<MetricValue>();
        foreach ((string name, double[] sums) in new[] { ("accuracy", _accuracy), ("precision", _precision), ("recall", _recall) })
        {
            for (int i = 0; i < _cutoffs.Length; i++) values.Add(MetricValue.Higher($"{name}@{_cutoffs[i]}", sums[i] / Queries));
        }
        values.Add(MetricValue.Higher($"mrr@{_gainDepth}", _reciprocalRank / Queries));
        values.Add(MetricValue.Higher($"ndcg@{_gainDepth}", _gain / Queries));
        values.Add(MetricValue.Higher($"map@{_precisionDepth}", _averagePrecision / Queries));
        return new MetricReport(values);
    }

    // Jarvelin and Kekalainen 2002: a gain at rank r counts 1 / log2(r + 1).
    private static double Discount(int rank) => 1 / Math.Log2(rank + 1);
}
