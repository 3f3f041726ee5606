using FineTuning.Tensors;
using TorchSharp;
using static FineTuning.Tensors.Scalars;
using static TorchSharp.torch;

namespace FineTuning.Heads;

/// <summary>Losses over pairs and triples of embeddings; each is the value for one batch, as sentence-transformers gives it.</summary>
internal static class PairLosses
{
    // Far below any score, yet finite: a row whose candidates are all masked but its own stays exact.
    private const float Masked = -1e9f;

    public static Tensor Unit(Tensor rows) => nn.functional.normalize(rows, 2, 1);

    /// <returns>The cosine of each row of x with the same row of z, [rows]</returns>
    public static Tensor Cosine(Tensor x, Tensor z) => (Unit(x) * Unit(z)).sum(1);

    /// <summary>Cross-entropy of each anchor's own candidate among all (Henderson et al. 2017, section 4.4), a mean over anchors.</summary>
    /// <param name="anchors">[rows, dimension]</param>
    /// <param name="candidates">[candidates, dimension]: the anchors' positives in order, then negatives.</param>
    /// <param name="excluded">True where a candidate is no negative of the anchor, [rows, candidates]. Null: all are.</param>
    /// <param name="scale">What similarities are multiplied by.</param>
    /// <param name="dot">Dot products instead of cosines.</param>
    public static Tensor MultipleNegatives(Tensor anchors, Tensor candidates, Tensor? excluded, double scale, bool dot)
    {
        Tensor scores = (dot ? anchors.mm(candidates.t()) : Unit(anchors).mm(Unit(candidates).t())) * Held(scale);
        if (excluded is not null) scores = scores.masked_fill(excluded, Held(Masked));
        return nn.functional.log_softmax(scores, 1).diagonal().mean().neg();
    }

    /// <summary>max(0, d(a, p) - d(a, n) + margin), a mean over rows.</summary>
    /// <param name="anchor">[rows, dimension]</param>
    /// <param name="positive">[rows, dimension]</param>
    /// <param name="negative">[rows, dimension]</param>
    /// <param name="distance">d</param>
    /// <param name="margin">0 or more.</param>
    /// <param name="swap">The negative's distance is the smaller of those to anchor and to positive (Balntas et al. 2016, section 3.2).</param>
    public static Tensor Triplet(Tensor anchor, Tensor positive, Tensor negative, TripletDistance distance, double margin, bool swap = false)
    {
        Tensor far = Distance(anchor, negative, distance);
        if (swap) far = minimum(far, Distance(positive, negative, distance));
        return (Distance(anchor, positive, distance) - far).Plus(margin).relu().mean();
    }

    /// <summary>1 - cos where similar, max(0, cos - margin) where not, a mean over rows (PyTorch's cosine embedding loss).</summary>
    public static Tensor CosineEmbedding(Tensor x, Tensor z, Tensor similar, double margin)
    {
        Tensor cosine = Cosine(x, z);
        return (similar * Minus(1, cosine)).Plus(Minus(1, similar) * (cosine - Held(margin)).relu()).mean();
    }

    /// <summary>1/2 [y d^2 + (1 - y) max(0, margin - d)^2] with d = 1 - cos, a mean over rows (Hadsell et al. 2006, equation 4).</summary>
    public static Tensor Contrastive(Tensor x, Tensor z, Tensor similar, double margin)
    {
        Tensor distance = Minus(1, Cosine(x, z));
        return (similar * distance.Squared()).Plus(Minus(1, similar) * Minus(margin, distance).relu().Squared()).mean() * Held(0.5);
    }

    /// <summary>
    /// The same without the half, summed over the hard pairs alone: similar ones farther apart than the closest others, and the other way round.
    /// </summary>
    public static Tensor OnlineContrastive(Tensor x, Tensor z, Tensor similar, double margin)
    {
        Tensor distance = Minus(1, Cosine(x, z));
        double[] distances = [.. distance.detach().cpu().to(ScalarType.Float64).data<double>()];
        bool[] flags = [.. similar.cpu().to(ScalarType.Bool).data<bool>()];
        double[] near = [.. distances.Where((_, i) => flags[i])], far = [.. distances.Where((_, i) => !flags[i])];
        // A single pair of a kind is no extreme: the other kind is then measured by its own mean, as in the reference.
        double farthestNear = near.Length > 1 ? near.Max() : far.DefaultIfEmpty(0).Average();
        double nearestFar = far.Length > 1 ? far.Min() : near.DefaultIfEmpty(0).Average();
        Tensor hardNear = IndicesWhere(distances, i => flags[i] && distances[i] > nearestFar, x.device);
        Tensor hardFar = IndicesWhere(distances, i => !flags[i] && distances[i] < farthestNear, x.device);
        return distance.index_select(0, hardNear).Squared().sum().Plus(Minus(margin, distance.index_select(0, hardFar)).relu().Squared().sum());
    }

    /// <summary>log(1 + sum over pairs of rows with y_i below y_j of e^(scale (s_i - s_j))) (Su 2022, CoSENT).</summary>
    /// <param name="similarities">s, [rows]</param>
    /// <param name="scores">y, [rows]</param>
    /// <param name="scale">Positive.</param>
    public static Tensor RankingOfScores(Tensor similarities, Tensor scores, double scale)
    {
        Tensor scaled = similarities * Held(scale);
        Tensor differences = scaled.unsqueeze(1) - scaled.unsqueeze(0);
        Tensor ordered = scores.unsqueeze(1) < scores.unsqueeze(0);
        Tensor terms = differences.masked_fill(ordered.logical_not(), Held(double.NegativeInfinity)).reshape(-1);
        return cat([zeros(1, terms.dtype, terms.device), terms], 0).logsumexp(0);
    }

    /// <summary>The similarity of AnglE: vectors' halves as real and imaginary parts, the angle between them (Li and Li 2023, equation 6).</summary>
    /// <returns>[rows]</returns>
    public static Tensor Angle(Tensor x, Tensor z)
    {
        long width = x.shape[1];
        if (width % 2 == 1)
        {
            Tensor zero = zeros([x.shape[0], 1], x.dtype, x.device);
            (x, z, width) = (cat([x, zero], 1), cat([z, zero], 1), width + 1);
        }
        (x, z) = (Unit(x), Unit(z));
        Tensor a = x.narrow(1, 0, width / 2), b = x.narrow(1, width / 2, width / 2), c = z.narrow(1, 0, width / 2), d = z.narrow(1, width / 2, width / 2);
        return ((a * c).Plus(b * d).Plus(b * c) - (a * d)).sum(1).abs();
    }

    /// <summary>(cos - y)^2, a mean over rows.</summary>
    public static Tensor CosineError(Tensor x, Tensor z, Tensor scores) => (Cosine(x, z) - scores).Squared().mean();

    /// <summary>(q p - q n - y)^2, a mean over rows (Hofstätter et al. 2020, equation 4).</summary>
    public static Tensor MarginError(Tensor query, Tensor positive, Tensor negative, Tensor margins) =>
        ((query * positive).sum(1) - (query * negative).sum(1) - margins).Squared().mean();

    private static Tensor Distance(Tensor x, Tensor z, TripletDistance distance) => distance switch
    {
        TripletDistance.Cosine => Minus(1, Cosine(x, z)),
        // PyTorch adds it to every component, which keeps the gradient finite where two vectors are equal.
        TripletDistance.Manhattan => (x - z).Plus(1e-6).abs().sum(1),
        _ => (x - z).Plus(1e-6).Squared().sum(1).sqrt(),
    };

    private static Tensor IndicesWhere(double[] distances, Func<int, bool> condition, Device device) =>
        tensor([.. Enumerable.Range(0, distances.Length).Where(condition).Select(i => (long)i)], ScalarType.Int64, device);
}
