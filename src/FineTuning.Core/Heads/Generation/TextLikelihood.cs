using FineTuning.Models;
using FineTuning.Tensors;
using TorchSharp;
using static TorchSharp.torch;

namespace FineTuning.Heads;

/// <summary>How probable a decoder finds a text, token by token; a long text is read through a window that slides.</summary>
internal static class TextLikelihood
{
    private const long TokensAtOnce = 128;

    /// <summary>The natural log-probability of each token given those before it in its window.</summary>
    /// <param name="head">A head over the vocabulary.</param>
    /// <param name="ids">The tokens.</param>
    /// <param name="window">The most tokens that are read at once.</param>
    /// <param name="stride">
    /// How far the window moves, from 1 to the window. Every token but the first of the text is scored once; the first of a window only with an overlap.
    /// </param>
    /// <param name="precision">The type of the matrix products.</param>
    /// <param name="cancellation">Stops between two windows.</param>
    /// <returns>[tokens]; NaN where nothing came before.</returns>
    public static float[] Of(OutputHead head, int[] ids, int window, int stride, Precision precision, CancellationToken cancellation)
    {
        var scores = new float[ids.Length];
        Array.Fill(scores, float.NaN);
        for (int begin = 0, scored = 0; scored < ids.Length; begin += stride)
        {
            cancellation.ThrowIfCancellationRequested();
            int end = Math.Min(begin + window, ids.Length), first = Math.Max(begin + 1, scored);
            if (first < end) Score(head, ids.AsSpan(begin, end - begin), first - begin, precision, scores.AsSpan(first, end - first));
            scored = end;
        }
        return scores;
    }

    private static void Score(OutputHead head, ReadOnlySpan<int> ids, int first, Precision precision, Span<float> scores)
    {
        using WeightPass pass = head.Weights.Enter();
        using var scope = NewDisposeScope();
        using var gradients = no_grad();
        var tokens = new long[ids.Length];
        for (int i = 0; i < tokens.Length; i++) tokens[i] = ids[i];
        Tensor row = tensor(tokens, [1, tokens.Length], ScalarType.Int64, head.Device);
        ForwardContext context = ForwardContext.Evaluation(precision);
        Tensor hidden = head.Trunk.Hidden(new(row), context).squeeze(0), targets = row.squeeze(0);
        for (long start = 0; start < scores.Length; start += TokensAtOnce)
        {
            using var chunk = NewDisposeScope();
            long count = Math.Min(TokensAtOnce, scores.Length - start);
            Tensor logs = nn.functional.log_softmax(head.Score(hidden.narrow(0, first - 1 + start, count), context), -1);
            Tensor own = logs.gather(1, targets.narrow(0, first + start, count).unsqueeze(1)).squeeze(1).cpu();
            own.data<float>().ToArray().CopyTo(scores[(int)start..]);
        }
    }
}
