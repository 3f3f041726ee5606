using System.Buffers;
using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text;

namespace FineTuning.Tasks;

/// <summary>Writes what rows hold as bytes: small numbers take one byte, most token ids two.</summary>
internal sealed class RowWriter
{
    private const int More = 0x80, Digits = 7;
    private readonly ArrayBufferWriter<byte> _bytes = new();

    /// <summary>All that was written since the last <see cref="Clear"/>.</summary>
    public ReadOnlySpan<byte> Written => _bytes.WrittenSpan;

    public void Clear() => _bytes.ResetWrittenCount();

    public void Count(int value) => Variable((uint)value);

    // Small numbers of either sign are short: 0, -1, 1, -2, ... become 0, 1, 2, 3, ...
    public void Number(long value) => Variable((ulong)((value << 1) ^ (value >> 63)));

    public void Real(double value)
    {
        BinaryPrimitives.WriteDoubleLittleEndian(_bytes.GetSpan(sizeof(double)), value);
        _bytes.Advance(sizeof(double));
    }

    public void OptionalReal(double? value)
    {
        Flag(value is not null);
        if (value is { } number) Real(number);
    }

    public void Flag(bool value) => Variable(value ? 1u : 0u);

    public void Bytes(ReadOnlySpan<byte> bytes) => _bytes.Write(bytes);

    /// <summary>Token ids and other numbers from 0 on.</summary>
    public void Ids(ReadOnlySpan<int> values)
    {
        Count(values.Length);
        foreach (int value in values) Count(value);
    }

    public void OptionalIds(int[]? values)
    {
        Flag(values is not null);
        if (values is not null) Ids(values);
    }

    /// <summary>Numbers of either sign.</summary>
    public void Numbers(ReadOnlySpan<int> values)
    {
        Count(values.Length);
        foreach (int value in values) Number(value);
    }

    public void OptionalReals(float[]? values)
    {
        Flag(values is not null);
        if (values is null) return;
        Count(values.Length);
        foreach (float value in values)
        {
            BinaryPrimitives.WriteSingleLittleEndian(_bytes.GetSpan(sizeof(float)), value);
            _bytes.Advance(sizeof(float));
        }
    }

    public void Flags(ReadOnlySpan<bool> values)
    {
        Count(values.Length);
        for (int i = 0; i < values.Length; i += 8)
        {
            byte bits = 0;
            for (int j = i; j < Math.Min(i + 8, values.Length); j++) bits |= (byte)((values[j] ? 1 : 0) << (j - i));
            Bytes([bits]);
        }
    }

    /// <summary>A text as it is, also where it is no valid Unicode.</summary>
    public void Text(string value)
    {
        bool isWhole = Encoding.UTF8.GetString(Encoding.UTF8.GetBytes(value)) == value;
        Flag(isWhole);
        byte[] bytes = isWhole ? Encoding.UTF8.GetBytes(value) : MemoryMarshal.AsBytes(value.AsSpan()).ToArray();
        Count(bytes.Length);
        Bytes(bytes);
    }

    public void OptionalText(string? value)
    {
        Flag(value is not null);
        if (value is not null) Text(value);
    }

    private void Variable(ulong value)
    {
        Span<byte> target = _bytes.GetSpan(10);
        int count = 0;
        for (; value >= More; value >>= Digits) target[count++] = (byte)(value | More);
        target[count++] = (byte)value;
        _bytes.Advance(count);
    }
}
