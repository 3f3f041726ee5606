using TorchSharp;
using static TorchSharp.torch;

namespace FineTuning.Models;

/// <summary>A cache for generation: room for tokens that follow is allocated ahead, and rows can be selected and reordered.</summary>
/// <remarks>Without gradients. For one thread; the caller disposes it.</remarks>
internal sealed class DecodingCache : KeyValueCache
{
    private const long Block = 64;

    private readonly Dictionary<int, (Tensor Keys, Tensor Values)> _own = [];
    private readonly Dictionary<int, (Tensor Keys, Tensor Values)> _cross = [];
    private long _length;

    public override long Length => _length;

    public override (Tensor Keys, Tensor Values) Append(int layer, Tensor keys, Tensor values)
    {
        long tokens = keys.shape[2], needed = _length + tokens;
        if (!_own.TryGetValue(layer, out (Tensor Keys, Tensor Values) room) || room.Keys.shape[2] < needed) room = Grow(layer, keys, values, needed);
        room.Keys.narrow(2, _length, tokens).copy_(keys);
        room.Values.narrow(2, _length, tokens).copy_(values);
        return (room.Keys.narrow(2, 0, needed), room.Values.narrow(2, 0, needed));
    }

    public override (Tensor Keys, Tensor Values) Cross(int layer, Func<(Tensor Keys, Tensor Values)> make)
    {
        if (_cross.TryGetValue(layer, out (Tensor Keys, Tensor Values) found)) return found;
        (Tensor keys, Tensor values) = make();
        return _cross[layer] = (keys.contiguous().clone().DetachFromDisposeScope(), values.contiguous().clone().DetachFromDisposeScope());
    }

    public override void Advance(long tokens) => _length += tokens;

    /// <summary>Row i becomes a copy of row <paramref name="parents"/>[i].</summary>
    /// <param name="parents">[new rows], int64</param>
    /// <param name="withCross">Whether the rows come to read other states of the encoder: beams of one text share them.</param>
    public void Select(Tensor parents, bool withCross)
    {
        Select(_own, parents);
        if (withCross) Select(_cross, parents);
    }

    protected override void Dispose(bool disposing)
    {
        foreach ((Tensor Keys, Tensor Values) pair in _own.Values.Concat(_cross.Values)) Free(pair);
        _own.Clear();
        _cross.Clear();
    }

    private (Tensor Keys, Tensor Values) Grow(int layer, Tensor keys, Tensor values, long needed)
    {
        bool known = _own.TryGetValue(layer, out (Tensor Keys, Tensor Values) before);
        long capacity = known ? Math.Max(needed, before.Keys.shape[2] * 3 / 2) : needed;
        capacity = (capacity + Block - 1) / Block * Block;
        (Tensor, Tensor) room = (Room(keys, capacity, known ? before.Keys : null), Room(values, capacity, known ? before.Values : null));
        if (known) Free(before);
        return _own[layer] = room;
    }

    private Tensor Room(Tensor like, long capacity, Tensor? before)
    {
        // Zeros: what is not written yet is never read, but may be copied.
        Tensor room = zeros([like.shape[0], like.shape[1], capacity, like.shape[3]], like.dtype, like.device);
        if (before is not null) room.narrow(2, 0, _length).copy_(before.narrow(2, 0, _length));
        return room.DetachFromDisposeScope();
    }

    private static void Select(Dictionary<int, (Tensor Keys, Tensor Values)> pairs, Tensor parents)
    {
        foreach (int layer in pairs.Keys.ToArray())
        {
            (Tensor Keys, Tensor Values) before = pairs[layer];
            pairs[layer] = (before.Keys.index_select(0, parents).DetachFromDisposeScope(), before.Values.index_select(0, parents).DetachFromDisposeScope());
            Free(before);
        }
    }

    private static void Free((Tensor Keys, Tensor Values) pair)
    {
        pair.Keys.Dispose();
        pair.Values.Dispose();
    }
}
