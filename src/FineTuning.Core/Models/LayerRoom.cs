using TorchSharp;
using static TorchSharp.torch;

namespace FineTuning.Models;

/// <summary>Keys and values of one layer, with room behind them.</summary>
/// <remarks>The tensors belong to no dispose scope.</remarks>
internal sealed class LayerRoom(long rows, long heads, long width, ScalarType type, Device device) : IDisposable
{
    private const long Block = 64;

    /// <summary>[rows, heads, room, width]</summary>
    public Tensor Keys { get; private set; } = Room(rows, heads, 0, width, type, device);

    /// <summary>[rows, heads, room, width]</summary>
    public Tensor Values { get; private set; } = Room(rows, heads, 0, width, type, device);

    /// <summary>The first token that is still seen.</summary>
    public long Start { get; set; }

    /// <summary>Behind the last token that is there.</summary>
    public long End { get; set; }

    /// <summary>Tokens for which there is room.</summary>
    public long Size { get; private set; }

    /// <summary>Makes room for tokens behind the end: what is seen moves to the front, into more room where there is not enough.</summary>
    /// <param name="tokens">How many follow.</param>
    /// <param name="window">How many before itself a token sees. Null: all.</param>
    public void Ensure(long tokens, long? window)
    {
        if (End + tokens <= Size) return;
        long kept = End - Start, needed = kept + tokens;
        // A window's room is twice what is seen, so that it moves seldom, and never onto itself.
        long most = window is { } before ? Math.Max(needed, (2 * before) + Block) : long.MaxValue;
        if (needed <= Size && kept <= Start && Size >= Math.Min(most, needed + Block))
        {
            Keys.narrow(2, 0, kept).copy_(Keys.narrow(2, Start, kept));
            Values.narrow(2, 0, kept).copy_(Values.narrow(2, Start, kept));
        }
        else
        {
            long size = Math.Min(most, Math.Max(needed, Size * 3 / 2));
            size = (size + Block - 1) / Block * Block;
            (Tensor keys, Tensor values) = (Moved(Keys, size, kept), Moved(Values, size, kept));
            Dispose();
            (Keys, Values, Size) = (keys, values, size);
        }
        (Start, End) = (0, kept);
    }

    /// <summary>Row i becomes a copy of row <paramref name="parents"/>[i].</summary>
    public void Select(Tensor parents)
    {
        (Tensor keys, Tensor values) = (Keys.index_select(0, parents).DetachFromDisposeScope(), Values.index_select(0, parents).DetachFromDisposeScope());
        Dispose();
        (Keys, Values) = (keys, values);
    }

    public void Dispose()
    {
        Keys.Dispose();
        Values.Dispose();
    }

    private Tensor Moved(Tensor from, long size, long kept)
    {
        Tensor to = Room(from.shape[0], from.shape[1], size, from.shape[3], from.dtype, from.device);
        if (kept > 0) to.narrow(2, 0, kept).copy_(from.narrow(2, Start, kept));
        return to;
    }

    // Zeros: what is not written yet is never read, but may be copied.
    private static Tensor Room(long rows, long heads, long size, long width, ScalarType type, Device device) =>
        zeros([rows, heads, size, width], type, device).DetachFromDisposeScope();
}
