using FineTuning.Heads;
using FineTuning.Models;
using FineTuning.Tensors;
using TorchSharp;
using static FineTuning.Tensors.Scalars;
using static TorchSharp.torch;

namespace FineTuning.Benchmarks.Explaining;

/// <summary>
/// What each token did to an output, by integrated gradients (Sundararajan et al. 2017, equation 1): the gradient of the output by the token's vector behind the
/// embedding norm, averaged along the straight line from a baseline to the text, times the way.
/// </summary>
/// <remarks>
/// The values sum to the difference of the output between text and baseline (the law of completeness, section 3), to the error of the sum that stands for the
/// integral. The way starts behind the norm: in front of it the length of a vector means nothing, so that a gradient there does not see the word.
/// </remarks>
internal static class IntegratedGradients
{
    /// <summary>How many points of the line are computed; more than a batch holds are computed one batch after another.</summary>
    public const int Points = 16;

    private const int TokensInABatch = 2048;

    /// <param name="encoder">With a head over sequences.</param>
    /// <param name="row">The tokens of the text.</param>
    /// <param name="baseline">The vectors behind the norm where nothing is said, [1, tokens, width].</param>
    /// <param name="padId">The id of padding.</param>
    /// <param name="output">Which output.</param>
    /// <param name="points">How many points of the line, from 1.</param>
    /// <param name="type">In which type it is computed.</param>
    /// <returns>A number for each token, special ones included: 0 where text and baseline agree.</returns>
    public static double[] Of(
        OutputHead encoder, TokenizedRow row, Tensor baseline, int padId, int output, int points = Points, ScalarType type = ScalarType.Float32)
    {
        using var scope = NewDisposeScope();
        Tensor way;
        using (no_grad()) way = Vectors(encoder, row, padId, null, type) - baseline;
        Tensor sum = zeros_like(way);
        int most = Math.Max(1, TokensInABatch / row.Length);
        for (int first = 0; first < points; first += most)
        {
            using var inner = NewDisposeScope();
            using var gradients = enable_grad();
            // The midpoint rule: the mean over the middles of equal parts.
            double[] shares = [.. Enumerable.Range(first, Math.Min(most, points - first)).Select(point => (point + 0.5) / points)];
            Tensor leaf = baseline.Plus(way * tensor(shares, [shares.Length, 1, 1], way.dtype, encoder.Device)).detach().requires_grad_(true);
            ForwardContext context = ForwardContext.Observing(null, _ => leaf, type);
            TrunkInput input = TokenizedBatch.Stack([.. Enumerable.Repeat(row, shares.Length)], row.Length, padId, encoder.Device);
            // Only this leaf gets a gradient: the weights' stay untouched, so that texts can be explained from several threads, and while a service predicts.
            encoder.Logits(input, context).select(1, output).sum().backward(inputs: [leaf]);
            sum.add_(leaf.grad!.sum(0, keepdim: true));
        }
        return [.. (sum * way).sum(-1).select(0, 0).to(ScalarType.Float64).div(Held((double)points)).cpu().data<double>()];
    }

    /// <summary>The vectors behind the embedding norm, [1, tokens, width].</summary>
    /// <param name="encoder">The encoder.</param>
    /// <param name="row">The tokens.</param>
    /// <param name="padId">The id of padding.</param>
    /// <param name="embedded">What takes the place of the token embeddings in front of the norm; null: they stay.</param>
    /// <param name="type">In which type it is computed.</param>
    public static Tensor Vectors(OutputHead encoder, TokenizedRow row, int padId, Func<Tensor, Tensor>? embedded, ScalarType type = ScalarType.Float32)
    {
        using var gradients = no_grad();
        Tensor? vectors = null;
        ForwardContext context = ForwardContext.Observing(embedded, states => vectors = states, type);
        encoder.Logits(TokenizedBatch.Stack([row], row.Length, padId, encoder.Device), context);
        return vectors!;
    }
}
