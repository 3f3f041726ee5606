using System.Numerics;
using System.Runtime.InteropServices;
using TorchSharp;
using static FineTuning.Tensors.Scalars;
using static TorchSharp.torch;

namespace FineTuning.Models;

/// <summary>A matrix in few bits a number, of which any rows can be had as float32.</summary>
internal abstract class QuantizedRows(long rows, long columns) : IDisposable
{
    public long Rows { get; } = rows;

    public long Columns { get; } = columns;

    /// <summary>Bytes that it takes.</summary>
    public abstract long Bytes { get; }

    /// <summary>Writes rows as float32.</summary>
    /// <param name="start">The first row.</param>
    /// <param name="target">[count, columns], float32, contiguous.</param>
    public abstract void Fill(long start, Tensor target);

    /// <summary>Rows as float32, [count, columns].</summary>
    public Tensor Values(long start, long count)
    {
        Tensor values = empty([count, Columns], ScalarType.Float32, Device);
        Fill(start, values);
        return values;
    }

    /// <summary>Where it lies.</summary>
    public abstract Device Device { get; }

    public abstract void Dispose();

    /// <summary>Quantises a matrix.</summary>
    /// <param name="matrix">[rows, columns], float32.</param>
    /// <param name="quantization">How.</param>
    /// <param name="device">Where the result goes.</param>
    public static QuantizedRows Of(Tensor matrix, WeightQuantization quantization, Device device)
    {
        using var scope = NewDisposeScope();
        using var gradients = no_grad();
        Tensor values = matrix.detach().to(ScalarType.Float32).cpu().contiguous();
        return quantization.IsFourBit ? FourBitRows.Quantize(values, quantization, device) : Int8Rows.Quantize(values, device);
    }

    protected static Tensor Kept(byte[] values, Device device) => tensor(values, ScalarType.Byte, device).DetachFromDisposeScope();

    protected static Tensor Kept(float[] values, Device device) => tensor(values, ScalarType.Float32, device).DetachFromDisposeScope();
}

/// <summary>Whole numbers and a scale by row: w = q times scale / 127.</summary>
internal sealed class Int8Rows(Tensor numbers, Tensor scales) : QuantizedRows(numbers.shape[0], numbers.shape[1])
{
    private const double Step = 1 / 127.0;

    /// <summary>[rows, columns], int8.</summary>
    public Tensor Numbers { get; } = numbers;

    /// <summary>[rows], float32: the largest absolute value of each row.</summary>
    public Tensor Scales { get; } = scales;

    public override long Bytes => Numbers.numel() + (4 * Scales.numel());

    public override Device Device => Numbers.device;

    public override void Fill(long start, Tensor target)
    {
        long count = target.shape[0];
        target.copy_(Numbers.narrow(0, start, count)).mul_(Scales.narrow(0, start, count).unsqueeze(1)).mul_(Held((float)Step));
    }

    public override void Dispose()
    {
        Numbers.Dispose();
        Scales.Dispose();
    }

    public static Int8Rows Quantize(Tensor values, Device device)
    {
        Tensor scales = values.abs().amax([1]);
        // A row of zeros stays one.
        Tensor factors = full_like(scales, Held(127f)) / scales.clamp_min(Held(1e-38f));
        Tensor numbers = (values * factors.unsqueeze(1)).round().to(ScalarType.Int8);
        return new(numbers.to(device).DetachFromDisposeScope(), scales.to(device).DetachFromDisposeScope());
    }
}

/// <summary>Two codes a byte and a scale by block, which may be a code itself.</summary>
internal sealed class FourBitRows : QuantizedRows
{
    private readonly ulong[] _pairs;

    /// <param name="rows">Rows.</param>
    /// <param name="columns">Columns.</param>
    /// <param name="packed">Two codes a byte, the first in the high half, uint8.</param>
    /// <param name="numbers">The 16 numbers by code.</param>
    /// <param name="blockSize">Numbers that share a scale.</param>
    /// <param name="scales">Of each block.</param>
    public FourBitRows(long rows, long columns, Tensor packed, float[] numbers, int blockSize, BlockScales scales)
        : base(rows, columns)
    {
        (Packed, BlockSize, Scales) = (packed, blockSize, scales);
        _pairs = new ulong[256];
        for (int code = 0; code < 256; code++)
            _pairs[code] = BitConverter.SingleToUInt32Bits(numbers[code >> 4]) | ((ulong)BitConverter.SingleToUInt32Bits(numbers[code & 15]) << 32);
    }

    public Tensor Packed { get; }

    public int BlockSize { get; }

    public BlockScales Scales { get; }

    public override long Bytes => Packed.numel() + Scales.Bytes;

    public override Device Device => Packed.device;

    public override void Fill(long start, Tensor target)
    {
        long first = start * Columns, end = first + target.numel(), begin = first / BlockSize * BlockSize;
        using var scope = NewDisposeScope();
        Tensor scales = Scales.Of(begin / BlockSize, (end - begin + BlockSize - 1) / BlockSize);
        if (Device.type != DeviceType.CPU)
        {
            target.view(-1).copy_(OnDevice(begin, end, scales).narrow(0, first - begin, end - first));
            return;
        }
        ReadOnlySpan<float> factors = MemoryMarshal.Cast<byte, float>(scales.bytes);
        Span<float> values = MemoryMarshal.Cast<byte, float>(target.bytes);
        ReadOnlySpan<byte> packed = Packed.bytes;
        Span<float> block = stackalloc float[BlockSize];
        for (long at = begin; at < end; at += BlockSize)
        {
            int count = (int)Math.Min(BlockSize, (Rows * Columns) - at);
            float scale = factors[(int)((at - begin) / BlockSize)];
            Span<ulong> pairs = MemoryMarshal.Cast<float, ulong>(block);
            int bytes = (count + 1) / 2, offset = (int)(at / 2);
            for (int i = 0; i < bytes; i++) pairs[i] = _pairs[packed[offset + i]];
            // What lies outside the wanted rows is left out.
            int from = (int)Math.Max(0, first - at), to = (int)Math.Min(count, end - at);
            Scaled(block[from..to], scale, values.Slice((int)(at + from - first), to - from));
        }
    }

    public override void Dispose()
    {
        Packed.Dispose();
        Scales.Dispose();
    }

    public static FourBitRows Quantize(Tensor values, WeightQuantization quantization, Device device)
    {
        float[] numbers = QuantizationCodes.Of(quantization.Kind);
        var nearest = new NearestCode(numbers);
        long count = values.numel();
        if (count > int.MaxValue) 
            throw new NotSupportedException($"a matrix of {count} numbers is too large to be quantised; at most {int.MaxValue} are taken");
        var largest = new float[(count + quantization.BlockSize - 1) / quantization.BlockSize];
        byte[] codes = nearest.OfBlocks(MemoryMarshal.Cast<byte, float>(values.bytes), quantization.BlockSize, largest);
        var packed = new byte[(count + 1) / 2];
        byte zero = nearest.Of(0);
        for (int i = 0; i < packed.Length; i++) packed[i] = (byte)((codes[2 * i] << 4) | ((2 * i) + 1 < codes.Length ? codes[(2 * i) + 1] : zero));
        BlockScales scales = quantization.IsNested ? BlockScales.Nested(largest, device) : new(Kept(largest, device));
        return new(values.shape[0], values.shape[1], Kept(packed, device), numbers, quantization.BlockSize, scales);
    }

    private static void Scaled(ReadOnlySpan<float> numbers, float scale, Span<float> target)
    {
        int i = 0;
        for (; i <= numbers.Length - Vector<float>.Count; i += Vector<float>.Count) (new Vector<float>(numbers[i..]) * scale).CopyTo(target[i..]);
        for (; i < numbers.Length; i++) target[i] = numbers[i] * scale;
    }

    private Tensor OnDevice(long begin, long end, Tensor scales)
    {
        long bytes = Math.Min(scales.numel() * BlockSize / 2, Packed.numel() - (begin / 2));
        float[] numbers = MemoryMarshal.Cast<ulong, float>(_pairs).ToArray();
        Tensor table = tensor(numbers, [256, 2], ScalarType.Float32, Device);
        Tensor values = table.index_select(0, Packed.view(-1).narrow(0, begin / 2, bytes).to(ScalarType.Int64)).view(-1);
        return values * scales.repeat_interleave(BlockSize).narrow(0, 0, values.shape[0]);
    }
}
