using System.Runtime.InteropServices;
using TorchSharp;
using static TorchSharp.torch;

namespace FineTuning.Models;

/// <summary>
/// A cache for generation: room for tokens that follow is allocated ahead, rows can be selected and reordered, and a layer with a window keeps no more than
/// its window.
/// </summary>
/// <param name="plan">The decoder, whose windows say what is forgotten. Null: nothing is.</param>
/// <remarks>Without gradients. For one thread; the caller disposes it.</remarks>
internal sealed unsafe class DecodingCache(StackPlan? plan = null) : KeyValueCache
{
    private readonly Dictionary<int, LayerRoom> _own = [];
    private readonly Dictionary<int, (Tensor Keys, Tensor Values)> _cross = [];
    private long _length;
    private float* _scratch;
    private long _scratchLength;

    public override long Length => _length;

    /// <summary>Whether a layer with a window forgets what its next token does not see.</summary>
    public bool Forgets => plan is not null;

    /// <summary>Tokens for which a layer has room: of a layer with a window it is bounded.</summary>
    internal long RoomOf(int layer) => _own[layer].Size;

    public override (Tensor Keys, Tensor Values) Append(int layer, Tensor keys, Tensor values)
    {
        long tokens = keys.shape[2];
        LayerRoom room = Reserve(layer, keys.shape[0], keys.shape[1], tokens, keys.shape[3], keys.dtype, keys.device);
        room.Keys.narrow(2, room.End, tokens).copy_(keys);
        room.Values.narrow(2, room.End, tokens).copy_(values);
        return (room.Keys.narrow(2, room.Start, room.End - room.Start + tokens), room.Values.narrow(2, room.Start, room.End - room.Start + tokens));
    }

    /// <summary>Makes room for tokens that the caller writes behind the room's end, and forgets what they do not see.</summary>
    public LayerRoom Reserve(int layer, long rows, long heads, long tokens, long width, ScalarType type, Device device)
    {
        int? window = WindowOf(layer);
        if (!_own.TryGetValue(layer, out LayerRoom? room)) _own[layer] = room = new(rows, heads, width, type, device);
        if (window is { } before) room.Start = Math.Max(room.Start, room.End - before);
        room.Ensure(tokens, window);
        return room;
    }

    public override (Tensor Keys, Tensor Values) Cross(int layer, Func<(Tensor Keys, Tensor Values)> make)
    {
        if (_cross.TryGetValue(layer, out (Tensor Keys, Tensor Values) found)) return found;
        (Tensor keys, Tensor values) = make();
        return _cross[layer] = (keys.contiguous().clone().DetachFromDisposeScope(), values.contiguous().clone().DetachFromDisposeScope());
    }

    public override void Advance(long tokens)
    {
        foreach (LayerRoom room in _own.Values) room.End += tokens;
        _length += tokens;
    }

    /// <summary>Row i becomes a copy of row <paramref name="parents"/>[i].</summary>
    /// <param name="parents">[new rows], int64</param>
    /// <param name="withCross">Whether the rows come to read other states of the encoder: beams of one text share them.</param>
    public void Select(Tensor parents, bool withCross)
    {
        foreach (LayerRoom room in _own.Values) room.Select(parents);
        if (!withCross) return;
        foreach (int layer in _cross.Keys.ToArray())
        {
            (Tensor keys, Tensor values) = _cross[layer];
            _cross[layer] = (keys.index_select(0, parents).DetachFromDisposeScope(), values.index_select(0, parents).DetachFromDisposeScope());
            keys.Dispose();
            values.Dispose();
        }
    }

    /// <summary>Begins with the first tokens of another cache, which has one row and has forgotten nothing, in each of several rows.</summary>
    public void Begin(DecodingCache shared, long tokens, long rows)
    {
        foreach ((int layer, LayerRoom from) in shared._own)
        {
            Tensor keys = from.Keys;
            LayerRoom room = Reserve(layer, rows, keys.shape[1], tokens, keys.shape[3], keys.dtype, keys.device);
            room.Keys.narrow(2, 0, tokens).copy_(keys.narrow(2, 0, tokens));
            room.Values.narrow(2, 0, tokens).copy_(from.Values.narrow(2, 0, tokens));
        }
        Advance(tokens);
    }

    /// <summary>Memory for what a step computes between two tensors; valid until it is asked for again.</summary>
    public float* Scratch(long numbers)
    {
        if (numbers > _scratchLength)
        {
            NativeMemory.AlignedFree(_scratch);
            // Doubled, so that a growing text asks for it seldom.
            _scratchLength = 2 * numbers;
            _scratch = (float*)NativeMemory.AlignedAlloc((nuint)_scratchLength * sizeof(float), 64);
        }
        return _scratch;
    }

    protected override void Dispose(bool disposing)
    {
        foreach (LayerRoom room in _own.Values) room.Dispose();
        foreach ((Tensor keys, Tensor values) in _cross.Values)
        {
            keys.Dispose();
            values.Dispose();
        }
        _own.Clear();
        _cross.Clear();
        NativeMemory.AlignedFree(_scratch);
        _scratch = null;
        _scratchLength = 0;
    }

    // A token sees so many before itself.
    private int? WindowOf(int layer) => plan?.Layers[layer].Attention is { IsCausal: true, Window: { } window } ? window.Before : null;
}
