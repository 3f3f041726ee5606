using System.Collections;
using System.Runtime.InteropServices;

namespace FineTuning.Training;

/// <summary>Tokens of each row, in two bytes each as long as none has more than 65,535, else in four.</summary>
internal sealed class RowLengths : IReadOnlyList<int>
{
    private const int Least = 1024;
    private ushort[]? _small = [];
    private int[] _large = [];

    public int Count { get; private set; }

    /// <summary>Bytes of an entry.</summary>
    public int Width => _small is null ? sizeof(int) : sizeof(ushort);

    public int this[int index]
    {
        get
        {
            ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)index, (uint)Count, nameof(index));
            return _small is null ? _large[index] : _small[index];
        }
    }

    /// <summary>The entries as they are written to a file.</summary>
    public ReadOnlySpan<byte> Bytes => _small is null ? MemoryMarshal.AsBytes(_large.AsSpan(0, Count)) : MemoryMarshal.AsBytes(_small.AsSpan(0, Count));

    /// <summary>Room for lengths that are read from a file, of which the bytes are known to be there.</summary>
    /// <param name="count">How many.</param>
    /// <param name="width">Bytes of an entry: 2 or 4.</param>
    /// <param name="target">Where the file's bytes belong.</param>
    public static RowLengths Of(int count, int width, out Span<byte> target)
    {
        var lengths = new RowLengths { Count = count };
        if (width == sizeof(ushort)) lengths._small = new ushort[count];
        else (lengths._small, lengths._large) = (null, new int[count]);
        target = lengths._small is null ? MemoryMarshal.AsBytes(lengths._large.AsSpan()) : MemoryMarshal.AsBytes(lengths._small.AsSpan());
        return lengths;
    }

    public void Add(int length)
    {
        if (_small is not null && length > ushort.MaxValue)
        {
            _large = Array.ConvertAll(_small, value => (int)value);
            _small = null;
        }
        if (_small is null)
        {
            Grow(ref _large);
            _large[Count++] = length;
            return;
        }
        Grow(ref _small);
        _small[Count++] = (ushort)length;
    }

    public IEnumerator<int> GetEnumerator()
    {
        for (int i = 0; i < Count; i++) yield return this[i];
    }

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    private void Grow<T>(ref T[] values)
    {
        if (Count == values.Length) Array.Resize(ref values, (int)Math.Min(Array.MaxLength, Math.Max(Least, values.Length * 2L)));
    }
}
