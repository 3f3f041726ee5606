using FineTuning.Models;
using TorchSharp;
using static TorchSharp.torch;

namespace FineTuning.Heads;

/// <summary>
/// What each token's embedding did to an output: the gradient of the output by the embedding, times the embedding (Denil et al. 2014; Ancona et al. 2018, table 1).
/// The sum over all tokens is the change of the output where all embeddings grow by one part of themselves.
/// </summary>
internal static class GradientTimesInput
{
    /// <param name="encoder">With a head over sequences.</param>
    /// <param name="row">The tokens.</param>
    /// <param name="padId">The id of padding.</param>
    /// <param name="output">Which output.</param>
    /// <param name="type">In which type it is computed.</param>
    /// <returns>A number for each token, special ones included.</returns>
    public static double[] Of(EncoderModel encoder, TokenizedRow row, int padId, int output, ScalarType type = ScalarType.Float32)
    {
        using var scope = NewDisposeScope();
        using var gradients = enable_grad();
        Tensor? leaf = null;
        ForwardContext context = ForwardContext.Observing(embedded => leaf = embedded.detach().clone().requires_grad_(true), null, type);
        Tensor logits = encoder.Logits(TokenizedBatch.Stack([row], row.Length, padId, encoder.Device), context);
        // Only this leaf gets a gradient: the weights' stay untouched, so that texts can be explained from several threads, and while a service predicts.
        logits.select(0, 0).select(0, output).backward(inputs: [leaf!]);
        return [.. (leaf!.grad! * leaf).sum(-1).select(0, 0).to(ScalarType.Float64).detach().cpu().data<double>()];
    }
}
