using FineTuning.Heads;
using FineTuning.Metrics;
using Xunit;

namespace FineTuning.Tests.Metrics;

/// <summary>Scores of searches against their formulas, written out.</summary>
public sealed class RetrievalTests
{
    [Fact]
    public void Scores_are_what_the_formulas_say()
    {
        var accumulator = new RetrievalAccumulator([1, 3], rankDepth: 3, precisionDepth: 4);
        Assert.Equal(4, accumulator.Depth);
        accumulator.Add(["a", "b", "c", "d", "e"], new HashSet<string> { "b", "d", "x" });
        accumulator.Add(["p", "q"], new HashSet<string> { "p" });
        accumulator.Add(["p", "q"], new HashSet<string>());
        accumulator.Add(["1", "2", "3", "4", "5"], new HashSet<string> { "5" });
        MetricReport report = accumulator.Report();
        Assert.Equal((3, 1), (accumulator.Queries, accumulator.QueriesWithoutRelevant));
        Assert.Equal(1 / 3.0, report["accuracy@1"], 1e-12);
        Assert.Equal(2 / 3.0, report["accuracy@3"], 1e-12);
        Assert.Equal((1 / 3.0 + 1 / 3.0) / 3, report["precision@3"], 1e-12);
        Assert.Equal((1 / 3.0 + 1) / 3, report["recall@3"], 1e-12);
        Assert.Equal((0.5 + 1) / 3, report["mrr@3"], 1e-12);
        double ideal = 1 + (1 / Math.Log2(3)) + 0.5;
        Assert.Equal(((1 / Math.Log2(3) / ideal) + 1) / 3, report["ndcg@3"], 1e-12);
        Assert.Equal((((1 / 2.0) + (2 / 4.0)) / 3 + 1) / 3, report["map@4"], 1e-12);
        Assert.Throws<InvalidOperationException>(() => new RetrievalAccumulator().Report());
    }

    [Fact]
    public void A_search_finds_what_a_sort_finds()
    {
        var random = new Random(4);
        float[][] Vectors(int count) => [.. Enumerable.Range(0, count).Select(_ => Enumerable.Range(0, 11).Select(_ => (float)(random.NextDouble() - 0.5)).ToArray())];
        float[][] corpus = Vectors(200), queries = Vectors(9);
        corpus[7] = corpus[3];
        var index = new EmbeddingIndex(corpus);
        foreach ((float[] query, IReadOnlyList<SimilarText> found) in queries.Zip(index.Search(queries, 20)))
        {
            int[] expected = [.. Enumerable.Range(0, 200).OrderByDescending(place => FineTuning.Heads.Vectors.Cosine(query, corpus[place])).ThenBy(place => place).Take(20)];
            Assert.Equal(expected, found.Select(text => text.Index));
            Assert.All(found, text => Assert.Equal(FineTuning.Heads.Vectors.Cosine(query, corpus[text.Index]), text.Score, 1e-5));
        }
        Assert.Equal(200, index.Search(queries[0], 1000).Count);
        Assert.Empty(new EmbeddingIndex([]).Search(queries[0]));
        Assert.Throws<ArgumentException>(() => index.Search([1f, 2f]));
    }
}
