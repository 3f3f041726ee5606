using FineTuning.Errors;
using FineTuning.Examples;

namespace FineTuning.Metrics;

/// <summary>Collects tagged sentences batch by batch and scores their entities: counts only, never the sentences.</summary>
/// <remarks>
/// Scores are seqeval's: an entity is right if its type and both its ends are. They depend on how tags are read, so a report names the scheme and holds both
/// readings: lenient (conlleval's, the published numbers' usual one) and strict (only what is tagged exactly as the scheme asks).
/// For one thread.
/// </remarks>
public sealed class EntityAccumulator
{
    private const string NoEntities = "no entity occurs on either side";

    private readonly EntityCounts _lenient = new();
    private readonly EntityCounts _strict = new();

    /// <summary>Creates an empty accumulator.</summary>
    /// <param name="scheme">The scheme of both references and predictions; <see cref="TaggingScheme.Plain"/> has no entities.</param>
    public EntityAccumulator(TaggingScheme scheme)
    {
        SchemeRules.Of(scheme);
        Scheme = scheme;
    }

    /// <summary>The scheme of both references and predictions.</summary>
    public TaggingScheme Scheme { get; }

    internal TokenCounts Tokens { get; } = new();

    /// <summary>Counts a sentence.</summary>
    /// <param name="references">The true tags.</param>
    /// <param name="predictions">The predicted tags, as many.</param>
    /// <exception cref="ArgumentException">There are not as many predictions as references.</exception>
    /// <exception cref="Errors.TrainingDataException">A tag does not belong to the scheme.</exception>
    public void Add(IReadOnlyList<string> references, IReadOnlyList<string> predictions)
    {
        NullMembers.RequireEntries(references, nameof(references));
        NullMembers.RequireEntries(predictions, nameof(predictions));
        Tokens.Add(references, predictions);
        _strict.Add(TagSequence.StrictEntities(references, Scheme), TagSequence.StrictEntities(predictions, Scheme));
        _lenient.Add(TagSequence.Repaired(references, Scheme), TagSequence.Repaired(predictions, Scheme));
    }

    /// <summary>The scores over all sentences.</summary>
    /// <param name="loss">The mean loss.</param>
    /// <exception cref="InvalidOperationException">No word was added.</exception>
    public MetricReport Report(double loss)
    {
        if (Tokens.Total == 0) throw MetricErrors.NothingAdded("word");
        (double Precision, double Recall, double F1) micro = _lenient.Micro(0), strict = _strict.Micro(0), macro = _lenient.Macro(0),
            macroStrict = _strict.Macro(0), weighted = _lenient.Weighted(0);
        MetricValue[] values =
        [
            MetricValue.Lower("loss", loss),
            MetricValue.Higher("f1", micro.F1),
            MetricValue.Higher("precision", micro.Precision),
            MetricValue.Higher("recall", micro.Recall),
            MetricValue.Higher("f1_macro", macro.F1, NoEntities),
            MetricValue.Higher("precision_macro", macro.Precision, NoEntities),
            MetricValue.Higher("recall_macro", macro.Recall, NoEntities),
            MetricValue.Higher("f1_weighted", weighted.F1),
            MetricValue.Higher("f1_strict", strict.F1),
            MetricValue.Higher("precision_strict", strict.Precision),
            MetricValue.Higher("recall_strict", strict.Recall),
            MetricValue.Higher("f1_macro_strict", macroStrict.F1, NoEntities),
            MetricValue.Higher("accuracy", Tokens.Accuracy),
        ];
        return new(values, null, _lenient.Classes())
            { Reading = $"entities in {TagSequence.Name(Scheme)}; f1 reads tags as conlleval does, f1_strict only what is well formed" };
    }
}

/// <summary>Entities of each type, right, surplus and missed.</summary>
internal sealed class EntityCounts
{
    private readonly SortedDictionary<string, Hits> _types = new(StringComparer.Ordinal);

    /// <summary>The types that occur on either side, in ordinal order.</summary>
    public IReadOnlyDictionary<string, Hits> Types => _types;

    public void Add(IReadOnlyList<EntitySpan> references, IReadOnlyList<EntitySpan> predictions)
    {
        var truth = new HashSet<EntitySpan>(references);
        var given = new HashSet<EntitySpan>(predictions);
        foreach (EntitySpan entity in given) Count(entity.Type, truth.Contains(entity) ? new(1, 0, 0) : new(0, 1, 0));
        foreach (EntitySpan entity in truth.Where(entity => !given.Contains(entity))) Count(entity.Type, new(0, 0, 1));
    }

    public (double Precision, double Recall, double F1) Micro(double zeroDivision)
    {
        Hits all = _types.Values.Aggregate(default(Hits), Hits.Add);
        return (all.Precision(zeroDivision), all.Recall(zeroDivision), all.F(1, zeroDivision));
    }

    /// <summary>The mean over types; NaN where there is none.</summary>
    public (double Precision, double Recall, double F1) Macro(double zeroDivision) =>
        (Averaging.Macro(_types.Values.Select(hits => hits.Precision(zeroDivision))), Averaging.Macro(_types.Values.Select(hits => hits.Recall(zeroDivision))),
            Averaging.Macro(_types.Values.Select(hits => hits.F(1, zeroDivision))));

    /// <summary>The mean weighted by how often a type is true; the fallback where there is no type at all.</summary>
    public (double Precision, double Recall, double F1) Weighted(double zeroDivision)
    {
        if (_types.Count == 0) return (zeroDivision, zeroDivision, zeroDivision);
        double[] supports = [.. _types.Values.Select(hits => hits.Support)];
        double Mean(Func<Hits, double> score) => Averaging.Weighted([.. _types.Values.Select(score)], supports);
        return (Mean(hits => hits.Precision(zeroDivision)), Mean(hits => hits.Recall(zeroDivision)), Mean(hits => hits.F(1, zeroDivision)));
    }

    public ClassScores[] Classes() =>
        [.. _types.Select(pair => new ClassScores(pair.Key, pair.Value.Precision(0), pair.Value.Recall(0), pair.Value.F(1, 0), pair.Value.Support))];

    private void Count(string type, Hits hits) => _types[type] = _types.GetValueOrDefault(type) + hits;
}

/// <summary>Tags compared one by one, as seqeval's performance_measure does.</summary>
internal sealed class TokenCounts
{
    public long Total { get; private set; }

    public long Right { get; private set; }

    public long TruePositive { get; private set; }

    public long FalsePositive { get; private set; }

    public long FalseNegative { get; private set; }

    public long TrueNegative { get; private set; }

    public double Accuracy => (double)Right / Total;

    public void Add(IReadOnlyList<string> references, IReadOnlyList<string> predictions)
    {
        if (references.Count != predictions.Count)
            throw new ArgumentException($"there are {predictions.Count} predicted tags for {references.Count} words", nameof(predictions));
        for (int i = 0; i < references.Count; i++)
        {
            bool same = references[i] == predictions[i], outside = references[i] == TagParts.OutsideTag, said = predictions[i] != TagParts.OutsideTag;
            Total++;
            if (same) Right++;
            if (same && said) TruePositive++;
            if (!same && said) FalsePositive++;
            if (!outside && !said) FalseNegative++;
            if (same && !said) TrueNegative++;
        }
    }
}
