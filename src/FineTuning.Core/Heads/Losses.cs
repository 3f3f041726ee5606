using FineTuning.Tensors;
using TorchSharp;
using static FineTuning.Tensors.Scalars;
using static TorchSharp.torch;

namespace FineTuning.Heads;

/// <summary>Losses as sums: the loop divides once, by the count of the whole accumulation window.</summary>
internal static class Losses
{
    /// <summary>
    /// Cross-entropy with class weights and label smoothing: (1 - e) w_y (-log p_y) + e / K sum_k w_k (-log p_k) (Szegedy et al. 2016, section 7);
    /// the count that makes it PyTorch's mean is the sum of w_y.
    /// </summary>
    /// <param name="logits">[rows, classes]</param>
    /// <param name="targets">[rows], int64</param>
    /// <param name="rowWeights">[rows], w of each row. Null: all 1</param>
    /// <param name="classWeights">[classes]. Null: all 1</param>
    /// <param name="smoothing">e, from 0 to below 1</param>
    /// <returns>A scalar.</returns>
    public static Tensor CrossEntropy(Tensor logits, Tensor targets, Tensor? rowWeights, Tensor? classWeights, double smoothing)
    {
        Tensor logProbabilities = nn.functional.log_softmax(Wide(logits), -1);
        Tensor own = logProbabilities.gather(1, targets.unsqueeze(1)).squeeze(1).neg();
        if (classWeights is not null) own = own * classWeights.index_select(0, targets);
        Tensor rows = own;
        if (smoothing > 0)
        {
            Tensor all = classWeights is null ? logProbabilities : logProbabilities * classWeights;
            rows = own * Held(1 - smoothing) - all.sum(1) * Held(smoothing / logits.shape[1]);
        }
        return (rowWeights is null ? rows : rows * rowWeights).sum();
    }

    /// <summary>Focal loss: a_y (1 - p_y)^gamma (-log p_y) (Lin et al. 2017, equation 5); the count is the number of rows.</summary>
    /// <param name="logits">[rows, classes]</param>
    /// <param name="targets">[rows], int64</param>
    /// <param name="rowWeights">[rows]. Null: all 1</param>
    /// <param name="classWeights">a of each class, [classes]. Null: all 1</param>
    /// <param name="gamma">0 or more</param>
    /// <returns>A scalar.</returns>
    public static Tensor Focal(Tensor logits, Tensor targets, Tensor? rowWeights, Tensor? classWeights, double gamma)
    {
        Tensor own = nn.functional.log_softmax(Wide(logits), -1).gather(1, targets.unsqueeze(1)).squeeze(1);
        // The floor keeps the power's gradient finite where p is 1 to rounding and gamma is below 1.
        Tensor rows = own.neg() * own.exp().neg().Plus(1).clamp_min(Held(1e-12)).pow(Held(gamma));
        if (classWeights is not null) rows = rows * classWeights.index_select(0, targets);
        return (rowWeights is null ? rows : rows * rowWeights).sum();
    }

    /// <summary>Binary cross-entropy of each output: -[w t log s(z) + (1 - t) log(1 - s(z))]; the count is the number of entries.</summary>
    /// <param name="logits">[rows, labels]</param>
    /// <param name="targets">[rows, labels], float, 0 or 1</param>
    /// <param name="rowWeights">[rows]. Null: all 1</param>
    /// <param name="positiveWeights">w of each label, [labels]. Null: all 1</param>
    /// <returns>A scalar.</returns>
    public static Tensor BinaryCrossEntropy(Tensor logits, Tensor targets, Tensor? rowWeights, Tensor? positiveWeights)
    {
        Tensor entries = nn.functional.binary_cross_entropy_with_logits(Wide(logits), targets, null, nn.Reduction.None, positiveWeights);
        return (rowWeights is null ? entries : entries * rowWeights.unsqueeze(1)).sum();
    }

    /// <summary>Squared error; the count is the number of rows.</summary>
    /// <param name="outputs">[rows]</param>
    /// <param name="targets">[rows], float</param>
    /// <param name="rowWeights">[rows]. Null: all 1</param>
    /// <returns>A scalar.</returns>
    public static Tensor SquaredError(Tensor outputs, Tensor targets, Tensor? rowWeights)
    {
        Tensor rows = (Wide(outputs) - targets).Squared();
        return (rowWeights is null ? rows : rows * rowWeights).sum();
    }

    /// <summary>At least float32: sums over a large vocabulary lose too much in half precision; what is wider already stays so.</summary>
    internal static Tensor Wide(Tensor outputs) => outputs.dtype == ScalarType.Float64 ? outputs : outputs.to(ScalarType.Float32);
}
