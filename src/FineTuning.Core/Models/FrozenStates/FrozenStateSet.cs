using FineTuning.Tensors;
using TorchSharp;
using static TorchSharp.torch;

namespace FineTuning.Models;

/// <summary>Kept states of one kind, by row.</summary>
/// <param name="kind">Which states.</param>
/// <param name="stored">The type in which they are kept.</param>
/// <param name="budget">What they may take.</param>
/// <remarks>Not thread-safe.</remarks>
internal sealed class FrozenStateSet(StateKind kind, ScalarType stored, StateBudget budget) : IDisposable
{
    private readonly Dictionary<UInt128, StatePosition> _rows = [];
    private readonly StateStorage _storage = new(budget);
    private ScalarType _computed;
    private long _width;

    public StateKind Kind => kind;

    public int Rows => _rows.Count;

    public long Memory => _storage.Memory;

    public long Disk => _storage.Disk;

    /// <summary>The states of a batch; null where those of a row are not here.</summary>
    /// <returns>[batch, tokens, width]; 0 for padding.</returns>
    /// <exception cref="IOException">The file cannot be read.</exception>
    public Tensor? Find(RowKeys rows, Device device)
    {
        var positions = new StatePosition[rows.Keys.Length];
        for (int row = 0; row < positions.Length; row++)
        {
            if (!_rows.TryGetValue(rows.Keys[row], out positions[row])) return null;
        }
        return DisposeScopes.Within(() =>
        {
            bool isPadded = Array.Exists(rows.Lengths, length => length < rows.Tokens);
            long[] shape = [positions.Length, rows.Tokens, _width];
            Tensor states = isPadded ? zeros(shape, stored) : empty(shape, stored);
            nint target = states.DataPointer();
            long stride = (long)rows.Tokens * BytesOf(1);
            for (int row = 0; row < positions.Length; row++) _storage.Read(positions[row], target + (nint)(row * stride), BytesOf(rows.Lengths[row]));
            return states.to(_computed).to(device);
        });
    }

    /// <summary>Keeps what is not here yet.</summary>
    /// <param name="rows">The rows.</param>
    /// <param name="states">[batch, tokens, width]</param>
    /// <returns>False where there is no room.</returns>
    /// <exception cref="IOException">The file cannot be written.</exception>
    public bool Add(RowKeys rows, Tensor states)
    {
        using var scope = NewDisposeScope();
        (_computed, _width) = (states.dtype, states.shape[2]);
        Tensor kept = states.detach().to(stored).cpu().contiguous();
        nint source = kept.DataPointer();
        for (int row = 0; row < rows.Keys.Length; row++)
        {
            if (_rows.ContainsKey(rows.Keys[row])) continue;
            if (_storage.TryAdd(source + (nint)((long)row * rows.Tokens * BytesOf(1)), BytesOf(rows.Lengths[row])) is not { } position) return false;
            _rows.Add(rows.Keys[row], position);
        }
        return true;
    }

    /// <summary>Bytes of so many tokens.</summary>
    public int BytesOf(int tokens) => checked((int)(tokens * _width * stored.ElementSize()));

    public void Dispose()
    {
        _rows.Clear();
        _storage.Dispose();
    }
}
