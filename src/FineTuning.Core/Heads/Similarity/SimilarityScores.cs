using FineTuning.Metrics;
using FineTuning.Tasks;
using TorchSharp;
using static TorchSharp.torch;

namespace FineTuning.Heads;

/// <summary>What an evaluation of a sentence encoder measures: embeddings go in batch by batch, numbers come out.</summary>
internal interface ISimilarityScores
{
    void Add(EmbeddedBatch batch);

    MetricReport Report(double loss);
}

/// <summary>Cosines against scores: Pearson's and Spearman's correlation.</summary>
internal sealed class CorrelationScores : ISimilarityScores
{
    private readonly List<double> _scores = [];
    private readonly List<double> _cosines = [];

    public void Add(EmbeddedBatch batch)
    {
        _scores.AddRange(batch.Batch.Rows.Select(row => OwnRows.Of<TextsRow>(row).Target));
        _cosines.AddRange(Embeddings.Numbers(PairLosses.Cosine(batch.Column(0), batch.Column(1))));
    }

    public MetricReport Report(double loss) => new(
    [
        MetricValue.Lower("loss", loss),
        MetricValue.Higher("pearson", RegressionScores.PearsonOrNaN(_scores, _cosines), RegressionScores.WhyUndefined(_scores, _cosines)),
        MetricValue.Higher("spearman", RegressionScores.Spearman(_scores, _cosines), RegressionScores.WhyUndefined(_scores, _cosines)),
    ]);
}

/// <summary>How often the positive is closer to the anchor than the negative, by cosine.</summary>
internal sealed class TripleScores : ISimilarityScores
{
    private int _right;
    private int _count;

    public void Add(EmbeddedBatch batch)
    {
        double[] near = Embeddings.Numbers(PairLosses.Cosine(batch.Column(0), batch.Column(1))),
            far = Embeddings.Numbers(PairLosses.Cosine(batch.Column(0), batch.Column(2)));
        _right += near.Zip(far).Count(pair => pair.First > pair.Second);
        _count += near.Length;
    }

    public MetricReport Report(double loss) => new([MetricValue.Lower("loss", loss), MetricValue.Higher("accuracy", _right / (double)_count)]);
}

/// <summary>How well one threshold of the cosine tells similar pairs from others, at the threshold that does it best.</summary>
internal sealed class MatchScores : ISimilarityScores
{
    private readonly List<(double Cosine, bool Similar)> _pairs = [];

    public void Add(EmbeddedBatch batch) =>
        _pairs.AddRange(Embeddings.Numbers(PairLosses.Cosine(batch.Column(0), batch.Column(1)))
            .Zip(batch.Batch.Rows, (cosine, row) => (cosine, OwnRows.Of<TextsRow>(row).Target == 1)));

    public MetricReport Report(double loss)
    {
        (double Cosine, bool Similar)[] sorted = [.. _pairs.OrderByDescending(pair => pair.Cosine)];
        int positives = sorted.Count(pair => pair.Similar), right = 0;
        double accuracy = (sorted.Length - positives) / (double)sorted.Length, threshold = 1, precision = 0;
        for (int i = 0; i < sorted.Length; i++)
        {
            if (sorted[i].Similar) right++;
            // A threshold lies between two different cosines only.
            if (i + 1 < sorted.Length && sorted[i + 1].Cosine == sorted[i].Cosine) continue;
            double here = (right + (sorted.Length - positives - (i + 1 - right))) / (double)sorted.Length;
            if (here > accuracy) (accuracy, threshold) = (here, i + 1 < sorted.Length ? (sorted[i].Cosine + sorted[i + 1].Cosine) / 2 : sorted[i].Cosine);
        }
        // Average precision: the step sum over distinct thresholds.
        int seen = 0, hits = 0;
        foreach (IGrouping<double, (double Cosine, bool Similar)> tie in sorted.GroupBy(pair => pair.Cosine))
        {
            int gained = tie.Count(pair => pair.Similar);
            (seen, hits) = (seen + tie.Count(), hits + gained);
            if (positives > 0) precision += gained / (double)positives * hits / seen;
        }
        return new([MetricValue.Lower("loss", loss), MetricValue.Higher("accuracy", accuracy), MetricValue.Neither("threshold", threshold),
            MetricValue.Higher("average_precision", precision)]);
    }
}

/// <summary>How often a text's nearest neighbour among all others has its label.</summary>
internal sealed class NeighbourScores : ISimilarityScores
{
    private readonly Embeddings _embeddings = new();
    private readonly List<int> _labels = [];

    public void Add(EmbeddedBatch batch)
    {
        _embeddings.Add(PairLosses.Unit(batch.Embeddings));
        _labels.AddRange(batch.Batch.Rows.Select(row => (int)OwnRows.Of<TextsRow>(row).Target));
    }

    public MetricReport Report(double loss)
    {
        int right = 0;
        foreach ((int query, (int Index, double Score)[] nearest) in Nearest.Of(_embeddings, _embeddings, 2))
        {
            int other = nearest.Select(found => found.Index).FirstOrDefault(index => index != query, -1);
            if (other >= 0 && _labels[other] == _labels[query]) right++;
        }
        return new([MetricValue.Lower("loss", loss), MetricValue.Higher("accuracy", right / (double)_labels.Count)]);
    }
}

/// <summary>Each anchor's positives searched among the positives and negatives of all examples.</summary>
/// <remarks>Equal texts are one; an anchor that stands in several pairs has several positives.</remarks>
internal sealed class RetrievalScores(bool dot) : ISimilarityScores
{
    private readonly Embeddings _anchors = new(), _candidates = new();
    private readonly Dictionary<TokenizedRow, int> _anchorIndices = new(SameTokens.Instance), _candidateIndices = new(SameTokens.Instance);
    private readonly List<HashSet<int>> _relevant = [];

    public void Add(EmbeddedBatch batch)
    {
        float[] vectors = (dot ? batch.Embeddings : PairLosses.Unit(batch.Embeddings)).to(ScalarType.Float32).cpu().data<float>().ToArray();
        int width = (int)batch.Embeddings.shape[1];
        foreach ((EncodedRow row, int start) in batch.Batch.Rows.Zip(batch.Batch.Starts))
        {
            TokenizedRow[] texts = OwnRows.Of<TextsRow>(row).Texts;
            int anchor = IndexOf(texts[0], vectors.AsSpan(start * width, width), _anchorIndices, _anchors);
            if (anchor == _relevant.Count) _relevant.Add([]);
            for (int i = 1; i < texts.Length; i++)
            {
                int index = IndexOf(texts[i], vectors.AsSpan((start + i) * width, width), _candidateIndices, _candidates);
                if (i == 1) _relevant[anchor].Add(index);
            }
        }
    }

    public MetricReport Report(double loss)
    {
        var accumulator = new RetrievalAccumulator();
        foreach ((int query, (int Index, double Score)[] nearest) in Nearest.Of(_anchors, _candidates, accumulator.Depth))
        {
            accumulator.Add([.. nearest.Select(found => found.Index)], _relevant[query]);
        }
        return new([MetricValue.Lower("loss", loss), .. accumulator.Report().Metrics]);
    }

    private static int IndexOf(TokenizedRow text, ReadOnlySpan<float> vector, Dictionary<TokenizedRow, int> indices, Embeddings embeddings)
    {
        if (indices.TryGetValue(text, out int index)) return index;
        embeddings.Add(vector.ToArray());
        return indices[text] = indices.Count;
    }
}
