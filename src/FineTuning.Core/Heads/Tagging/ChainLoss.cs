using TorchSharp;
using static TorchSharp.torch;

namespace FineTuning.Heads;

/// <summary>The CRF's loss of windows whose units' scores stand one below the other.</summary>
internal static class ChainLoss
{
    /// <summary>A window in the middle of a sentence is a piece of its chain: it pays neither for a beginning nor for an end.</summary>
    /// <returns>[windows]</returns>
    public static Tensor Of(LinearChain chain, Tensor logits, SentenceWindow[] windows, Device device)
    {
        int steps = windows.Max(window => window.Owned.Length);
        long padding = logits.shape[0];
        var positions = new long[windows.Length * steps];
        var tags = new long[positions.Length];
        long at = 0;
        for (int row = 0; row < windows.Length; row++)
        {
            for (int step = 0; step < steps; step++)
            {
                bool real = step < windows[row].Owned.Length;
                positions[(row * steps) + step] = real ? at++ : padding;
                tags[(row * steps) + step] = real ? windows[row].Sentence.Targets![windows[row].Owned[step].Unit] : 0;
            }
        }
        Tensor Flags(Func<SentenceWindow, bool> holds) => tensor(windows.Select(window => holds(window) ? 1f : 0f).ToArray(), logits.dtype, device);
        Tensor filled = cat([logits, zeros([1, logits.shape[1]], logits.dtype, device)], 0);
        Tensor emissions = filled.index_select(0, tensor(positions, ScalarType.Int64, device)).reshape(windows.Length, steps, logits.shape[1]);
        bool whole = Array.TrueForAll(windows, window => window.BeginsSentence && window.EndsSentence);
        return chain.NegativeLogLikelihood(
            emissions,
            tensor(tags, [windows.Length, steps], ScalarType.Int64, device),
            LinearChain.Mask([.. windows.Select(window => window.Owned.Length)], steps, device),
            whole ? null : Flags(window => window.BeginsSentence),
            whole ? null : Flags(window => window.EndsSentence));
    }
}
