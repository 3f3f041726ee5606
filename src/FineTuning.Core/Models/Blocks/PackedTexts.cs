using FineTuning.Tensors;
using TorchSharp;
using static TorchSharp.torch;

namespace FineTuning.Models;

/// <summary>
/// Where the texts of packed rows stand, so that attention is computed text by text: a row of n tokens has n x n scores, its texts far fewer. All the rest of a
/// layer goes on computing the packed rows, which have no padding.
/// </summary>
/// <remarks>Owned by the torch dispose scope in which it was made. Immutable.</remarks>
internal sealed class PackedTexts
{
    private readonly Tensor _taken, _back;

    private PackedTexts(IReadOnlyList<(int First, int Length)> texts, int longest, int tokens, Device device)
    {
        (Count, Longest) = (texts.Count, longest);
        long[] taken = new long[checked(texts.Count * longest)], back = new long[tokens];
        for (int text = 0; text < texts.Count; text++)
        {
            (int first, int length) = texts[text];
            for (int i = 0; i < longest; i++)
            {
                // Behind its end a text repeats its last token, which nobody sees.
                taken[(text * longest) + i] = first + Math.Min(i, length - 1);
                if (i < length) back[first + i] = (text * longest) + i;
            }
        }
        (_taken, _back) = (tensor(taken, ScalarType.Int64, device), tensor(back, ScalarType.Int64, device));
    }

    /// <summary>How many texts there are.</summary>
    public long Count { get; }

    /// <summary>Tokens of the longest.</summary>
    public long Longest { get; }

    /// <summary>The texts of a batch; null where attention over whole rows has no more scores.</summary>
    /// <param name="texts">The first token of each, counted over all rows, and its length, at least 1.</param>
    /// <param name="rows">Rows of the batch.</param>
    /// <param name="width">Tokens a row.</param>
    /// <param name="device">Where the batch is.</param>
    public static PackedTexts? WherePaying(IReadOnlyList<(int First, int Length)> texts, int rows, int width, Device device)
    {
        int longest = texts.Max(text => text.Length);
        bool pays = (double)texts.Count * longest * longest < (double)rows * width * width;
        return pays ? new(texts, longest, checked(rows * width), device) : null;
    }

    /// <summary>From [rows, heads, tokens, width] of the packed rows to [texts, heads, longest, width].</summary>
    public Tensor Apart(Tensor states)
    {
        (long heads, long width) = (states.shape[1], states.shape[3]);
        Tensor flat = states.transpose(1, 2).reshape(-1, heads * width);
        return Kernels.Embedding(flat, _taken).view(Count, Longest, heads, width).transpose(1, 2);
    }

    /// <summary>From [texts, heads, longest, width] back to [rows, heads, tokens, width]. What stands in no text gets any finite numbers.</summary>
    public Tensor Together(Tensor attended, long rows)
    {
        (long heads, long width) = (attended.shape[1], attended.shape[3]);
        Tensor flat = attended.transpose(1, 2).reshape(-1, heads * width);
        return Kernels.Embedding(flat, _back).view(rows, -1, heads, width).transpose(1, 2);
    }
}
