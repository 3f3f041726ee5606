using FineTuning.Tensors;
using TorchSharp;
using static FineTuning.Tensors.Scalars;
using static TorchSharp.torch;

namespace FineTuning.Heads;

/// <summary>Losses over a batch of embeddings with labels: which texts are close follows from equal labels.</summary>
internal static class GroupLosses
{
    /// <summary>
    /// The temperature-scaled contrast with all others of the batch, averaged over the texts of the same label (Khosla et al. 2020, equation 2).
    /// </summary>
    /// <param name="rows">[rows, dimension]</param>
    /// <param name="labels">[rows], int64</param>
    /// <param name="temperature">Above 0.</param>
    /// <param name="inside">The sum over positives inside the logarithm (equation 3) instead of outside.</param>
    /// <returns>A scalar: the mean over rows that have another of their label; 0 where none has.</returns>
    public static Tensor SupervisedContrastive(Tensor rows, Tensor labels, double temperature, bool inside = false)
    {
        Tensor unit = PairLosses.Unit(rows);
        (Tensor same, Tensor self, _) = Relations(labels, rows.dtype);
        Tensor logProbabilities = nn.functional.log_softmax((unit.mm(unit.t()) / Held(temperature)).masked_fill(self, Held(-1e9f)), 1);
        Tensor count = same.sum(1), counted = (count > Held(0)).to(rows.dtype);
        Tensor each = inside
            ? logProbabilities.masked_fill(same == Held(0), Held(double.NegativeInfinity))
                .masked_fill((count == Held(0)).unsqueeze(1), Held(0)).logsumexp(1) - count.clamp_min(Held(1)).log()
            : (logProbabilities * same).sum(1) / count.clamp_min(Held(1));
        return (each * counted).sum().neg() / counted.sum().clamp_min(Held(1));
    }

    /// <summary>Two views of each text against all other views of the batch (Chen et al. 2020, equation 1).</summary>
    public static Tensor TwoViews(Tensor x, Tensor z, double temperature)
    {
        Tensor rows = Range(0, x.shape[0], device: x.device);
        return SupervisedContrastive(cat([x, z], 0), cat([rows, rows], 0), temperature);
    }

    /// <summary>Per text its farthest of the same label against its nearest of another (Hermans et al. 2017, equation 5), a mean over all.</summary>
    /// <param name="rows">[rows, dimension]</param>
    /// <param name="labels">[rows], int64</param>
    /// <param name="margin">Null: log(1 + e^x) instead of max(0, x + margin).</param>
    public static Tensor BatchHard(Tensor rows, Tensor labels, double? margin)
    {
        (Tensor same, _, Tensor other) = Relations(labels, rows.dtype);
        Tensor distances = Distances(rows);
        Tensor farthest = (distances * same).amax([1]);
        Tensor nearest = distances.Plus(distances.amax([1], keepdim: true) * Minus(1, other)).amin([1]);
        return margin is { } gap ? (farthest - nearest).Plus(gap).relu().mean() : (farthest - nearest).exp().log1p().mean();
    }

    /// <summary>All triples of the batch, a mean over those that still cost something (Hermans et al. 2017, equation 6).</summary>
    public static Tensor BatchAll(Tensor rows, Tensor labels, double margin)
    {
        (Tensor same, _, Tensor other) = Relations(labels, rows.dtype);
        Tensor distances = Distances(rows);
        Tensor triples = (distances.unsqueeze(2) - distances.unsqueeze(1)).Plus(margin) * same.unsqueeze(2) * other.unsqueeze(1);
        Tensor costs = triples.relu();
        return costs.sum() / (costs > Held(1e-16)).to(rows.dtype).sum().Plus(1e-16);
    }

    /// <summary>Per pair of one label the nearest other that is farther than it, else the farthest other (Schroff et al. 2015, section 3.2).</summary>
    public static Tensor BatchSemiHard(Tensor rows, Tensor labels, double margin)
    {
        (Tensor same, _, Tensor other) = Relations(labels, rows.dtype);
        Tensor distances = Distances(rows);
        // [anchor, positive, negative]: others that are farther from the anchor than the positive.
        Tensor farther = (other.unsqueeze(1) > Held(0)).logical_and(distances.unsqueeze(1) > distances.unsqueeze(2));
        Tensor nearest = distances.unsqueeze(1).expand(farther.shape).masked_fill(farther.logical_not(), Held(double.PositiveInfinity)).amin([2]);
        Tensor farthest = (distances * other).amax([1], keepdim: true).expand(nearest.shape);
        Tensor negative = where(farther.any(2), nearest, farthest);
        return ((distances - negative).Plus(margin) * same).relu().sum() / same.sum().clamp_min(Held(1));
    }

    // Euclidean, with a gradient of 0 where two vectors are equal.
    private static Tensor Distances(Tensor rows)
    {
        Tensor products = rows.mm(rows.t()), squares = products.diagonal();
        Tensor squared = (squares.unsqueeze(0) - products * Held(2)).Plus(squares.unsqueeze(1)).relu();
        Tensor zero = (squared == Held(0)).to(rows.dtype);
        return squared.Plus(zero * Held(1e-16)).sqrt() * Minus(1, zero);
    }

    private static (Tensor Same, Tensor Self, Tensor Other) Relations(Tensor labels, ScalarType type)
    {
        Tensor self = eye(labels.shape[0], dtype: ScalarType.Bool, device: labels.device);
        Tensor equal = labels.unsqueeze(0) == labels.unsqueeze(1);
        return (equal.logical_and(self.logical_not()).to(type), self, equal.logical_not().to(type));
    }
}
