using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text;

namespace FineTuning.Tasks;

/// <summary>Reads back what <see cref="RowWriter"/> wrote. What is not as it can have been written is an <see cref="InvalidDataException"/>.</summary>
/// <remarks>A list takes no memory before it is known that as many bytes are there.</remarks>
/// <param name="bytes">One row.</param>
/// <param name="vocabulary">Token ids are below it.</param>
/// <param name="index">The index of the row's example.</param>
internal ref struct RowReader(ReadOnlySpan<byte> bytes, int vocabulary, int index)
{
    private const int More = 0x80, Digits = 7;
    private ReadOnlySpan<byte> _rest = bytes;

    /// <summary>The index of the row's example, which stands before the row.</summary>
    public readonly int Index => index;

    /// <summary>Whether all was read.</summary>
    public readonly bool IsAtEnd => _rest.IsEmpty;

    /// <summary>A number from 0 on that fits into 31 bits.</summary>
    public int Count() => Variable() is var value && value <= int.MaxValue ? (int)value : throw Damaged("a count is too large");

    public long Number()
    {
        ulong value = Variable();
        return (long)(value >> 1) ^ -(long)(value & 1);
    }

    /// <summary>A number of either sign that fits into 32 bits.</summary>
    public int SmallNumber() => Number() is >= int.MinValue and <= int.MaxValue and var value ? (int)value : throw Damaged("a number is too large");

    public double Real() => BinaryPrimitives.ReadDoubleLittleEndian(Take(sizeof(double)));

    public double? OptionalReal() => Flag() ? Real() : null;

    public bool Flag() => Variable() switch { 0 => false, 1 => true, _ => throw Damaged("a flag is neither 0 nor 1") };

    public ReadOnlySpan<byte> Take(int count)
    {
        if (count < 0 || count > _rest.Length) throw Damaged("it ends too early");
        ReadOnlySpan<byte> taken = _rest[..count];
        _rest = _rest[count..];
        return taken;
    }

    /// <summary>Numbers from 0 on.</summary>
    public int[] Ids()
    {
        var values = new int[Length(bytesEach: 1)];
        for (int i = 0; i < values.Length; i++) values[i] = Count();
        return values;
    }

    public int[]? OptionalIds() => Flag() ? Ids() : null;

    /// <summary>Ids that the vocabulary has.</summary>
    public int[] TokenIds()
    {
        int[] ids = Ids();
        foreach (int id in ids)
        {
            if (id >= vocabulary) throw Damaged($"the token id {id} is outside the vocabulary of {vocabulary}");
        }
        return ids;
    }

    public int[] Numbers()
    {
        var values = new int[Length(bytesEach: 1)];
        for (int i = 0; i < values.Length; i++) values[i] = SmallNumber();
        return values;
    }

    public float[]? OptionalReals()
    {
        if (!Flag()) return null;
        var values = new float[Length(sizeof(float))];
        for (int i = 0; i < values.Length; i++) values[i] = BinaryPrimitives.ReadSingleLittleEndian(Take(sizeof(float)));
        return values;
    }

    public bool[] Flags()
    {
        int count = Count();
        ReadOnlySpan<byte> bits = Take((int)(((long)count + 7) / 8));
        var values = new bool[count];
        for (int i = 0; i < count; i++) values[i] = (bits[i / 8] >> (i % 8) & 1) == 1;
        return values;
    }

    public string Text()
    {
        bool isWhole = Flag();
        ReadOnlySpan<byte> text = Take(Count());
        return isWhole ? Encoding.UTF8.GetString(text) : new string(MemoryMarshal.Cast<byte, char>(text));
    }

    public string? OptionalText() => Flag() ? Text() : null;

    /// <summary>How many entries a list has of which each takes so many bytes at least.</summary>
    public int Length(int bytesEach)
    {
        int count = Count();
        return (long)count * bytesEach <= _rest.Length ? count : throw Damaged("a list is longer than the row");
    }

    public static InvalidDataException Damaged(string problem) => new($"it holds a row that is damaged: {problem}");

    private ulong Variable()
    {
        ulong value = 0;
        for (int shift = 0; shift < 64; shift += Digits)
        {
            byte next = Take(1)[0];
            value |= (ulong)(next & (More - 1)) << shift;
            if (next < More) return value;
        }
        throw Damaged("a number does not end");
    }
}
