using FineTuning.Heads;
using FineTuning.Tests.Models;
using TorchSharp;
using Xunit;
using static FineTuning.Tensors.Scalars;
using static TorchSharp.torch;

namespace FineTuning.Tests.Heads;

/// <summary>The gradient of every loss over embeddings is that of its formula, by central differences in float64.</summary>
public sealed class SimilarityGradientTests
{
    private const int Rows = 6, Dimension = 5;

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Multiple_negatives(bool dot) => Check((x, z, n) => PairLosses.MultipleNegatives(x, cat([z, n], 0), Excluded(), 4, dot));

    [Theory]
    [InlineData(TripletDistance.Euclidean, false)]
    [InlineData(TripletDistance.Euclidean, true)]
    [InlineData(TripletDistance.Cosine, false)]
    [InlineData(TripletDistance.Cosine, true)]
    [InlineData(TripletDistance.Manhattan, false)]
    public void Triplet(TripletDistance distance, bool swap) => Check((x, z, n) => PairLosses.Triplet(x, z, n, distance, 2, swap));

    [Fact]
    public void Margin_error() => Check((x, z, n) => PairLosses.MarginError(x, z, n, Scores()));

    [Fact]
    public void Cosine_error() => Check((x, z, _) => PairLosses.CosineError(x, z, Scores()));

    [Fact]
    public void Cosine_embedding() => Check((x, z, _) => PairLosses.CosineEmbedding(x, z, Similar(), -0.5));

    [Fact]
    public void Contrastive() => Check((x, z, _) => PairLosses.Contrastive(x, z, Similar(), 1.5));

    [Fact]
    public void Online_contrastive() => Check((x, z, _) => PairLosses.OnlineContrastive(x, z, Similar(), 1.5));

    [Fact]
    public void Ranking_of_scores() => Check((x, z, _) => PairLosses.RankingOfScores(PairLosses.Cosine(x, z), Scores(), 3).Plus(PairLosses.RankingOfScores(PairLosses.Angle(x, z), Scores(), 3)));

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Supervised_contrastive(bool inside) => Check((x, _, _) => GroupLosses.SupervisedContrastive(x, Labels(), 0.5, inside));

    [Fact]
    public void Two_views() => Check((x, z, _) => GroupLosses.TwoViews(x, z, 0.5));

    [Fact]
    public void Mined_triplets() => Check((x, _, _) =>
        GroupLosses.BatchHard(x, Labels(), 2).Plus(GroupLosses.BatchHard(x, Labels(), null)).Plus(GroupLosses.BatchAll(x, Labels(), 2)).Plus(GroupLosses.BatchSemiHard(x, Labels(), 2)));

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Spans(bool padded)
    {
        using var scope = NewDisposeScope();
        Tensor logits = Draw(3, Rows, 2, 1), targets = tensor(new long[] { 1, 2, 0, 0, 3, 3 }, [3, 2]), weights = tensor(new[] { 1.0, 0.5, 3 });
        Tensor? mask = padded ? Range(0, Rows).unsqueeze(0) < tensor(new long[] { 6, 4, 5 }).unsqueeze(1) : null;
        GradientCheck.Check(() => SpanLoss.Sum(logits, targets, mask, weights), [("logits", logits)]);
    }

    private static void Check(Func<Tensor, Tensor, Tensor, Tensor> loss)
    {
        using var scope = NewDisposeScope();
        Tensor x = Draw(Rows, Dimension, 2), z = Draw(Rows, Dimension, 3), n = Draw(Rows, Dimension, 4);
        // All three enter, so that a leaf which a loss does not read has a gradient of zero instead of none.
        GradientCheck.Check(() => loss(x, z, n).Plus(Held(0) * x.Plus(z).Plus(n).sum()), [("x", x), ("z", z), ("n", n)]);
    }

    private static Tensor Draw(params long[] shapeAndSeed)
    {
        using var generator = new Generator((ulong)shapeAndSeed[^1]);
        return randn(shapeAndSeed[..^1], ScalarType.Float64, generator: generator).requires_grad_(true);
    }

    private static Tensor Scores() => tensor([0.1, 0.9, 0.5, 0.5, 0.0, 0.7]);

    private static Tensor Similar() => tensor([1.0, 0, 0, 1, 1, 0]);

    private static Tensor Labels() => tensor([0L, 1, 0, 2, 1, 0]);

    // The first anchor's positive stands among the negatives once more.
    private static Tensor Excluded()
    {
        Tensor excluded = zeros([Rows, 2 * Rows], ScalarType.Bool);
        excluded[0, Rows + 2] = true;
        return excluded;
    }
}
