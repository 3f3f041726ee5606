using System.Runtime.InteropServices;
using TorchSharp;
using static FineTuning.Tensors.Scalars;
using static TorchSharp.torch;

namespace FineTuning.Models;

/// <summary>The scales of blocks: numbers, or codes of 8 bits in blocks of their own, with an offset.</summary>
/// <param name="scales">float32, or the codes, uint8.</param>
internal sealed class BlockScales(Tensor scales) : IDisposable
{
    private const int NestedBlock = 256;

    /// <summary>The scales of the codes, float32. Null: there are no codes.</summary>
    public Tensor? Outer { get; private init; }

    /// <summary>What is added to each scale that is a code.</summary>
    public float Offset { get; private init; }

    /// <summary>The scales, or their codes.</summary>
    public Tensor Inner { get; } = scales;

    public long Bytes => (Inner.numel() * Inner.element_size()) + (4 * (Outer?.numel() ?? 0));

    private float[] Numbers { get; init; } = QuantizationCodes.Dynamic;

    private int OuterBlock { get; init; } = NestedBlock;

    /// <summary>The scales of several blocks, float32.</summary>
    public Tensor Of(long first, long count)
    {
        Tensor own = Inner.narrow(0, first, count);
        if (Outer is null) return own;
        long start = first / OuterBlock, end = ((first + count - 1) / OuterBlock) + 1;
        Tensor outer = Outer.narrow(0, start, end - start).repeat_interleave(OuterBlock).narrow(0, first - (start * OuterBlock), count);
        return (tensor(Numbers, ScalarType.Float32, Inner.device).index_select(0, own.to(ScalarType.Int64)) * outer).Plus((double)Offset);
    }

    /// <param name="codes">uint8</param>
    /// <param name="outer">The scales of the codes.</param>
    /// <param name="offset">What is added.</param>
    /// <param name="numbers">The 256 numbers by code.</param>
    /// <param name="block">Codes that share a scale.</param>
    public static BlockScales OfCodes(Tensor codes, Tensor outer, float offset, float[] numbers, int block) =>
        new(codes) { Outer = outer, Offset = offset, Numbers = numbers, OuterBlock = block };

    /// <summary>Stores scales as codes.</summary>
    public static BlockScales Nested(float[] scales, Device device)
    {
        using var scope = NewDisposeScope();
        Tensor all = tensor(scales, ScalarType.Float32);
        float offset = (float)all.mean().Number();
        Tensor centred = all.Plus((double)-offset);
        var outer = new float[(scales.Length + NestedBlock - 1) / NestedBlock];
        byte[] codes = new NearestCode(QuantizationCodes.Dynamic).OfBlocks(MemoryMarshal.Cast<byte, float>(centred.bytes), NestedBlock, outer);
        return new(tensor(codes, ScalarType.Byte, device).DetachFromDisposeScope())
        {
            Outer = tensor(outer, ScalarType.Float32, device).DetachFromDisposeScope(), Offset = offset,
        };
    }

    public void Dispose()
    {
        Inner.Dispose();
        Outer?.Dispose();
    }
}
