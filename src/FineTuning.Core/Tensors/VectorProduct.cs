using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using TorchSharp;
using static TorchSharp.torch;

namespace FineTuning.Tensors;

/// <summary>
/// A matrix times one row, which takes as long as the matrix takes to be read. torch's kernels are made for many rows: of one they reach a part of the
/// memory's speed, and least of it in bfloat16. Sums are float32, in an order that no number of threads changes.
/// </summary>
internal static unsafe class VectorProduct
{
    // Below it a second thread costs more than it brings.
    private const long ParallelBytes = 1 << 19;

    [ThreadStatic]
    private static float[]? _widened;

    /// <summary>x W^T + b for one row x without gradients; null where torch is to compute it.</summary>
    /// <param name="input">[.., columns], one row.</param>
    /// <param name="matrix">[rows, columns], of the type of the input.</param>
    /// <param name="bias">[rows], of that type. Null: none.</param>
    /// <returns>[.., rows], of that type</returns>
    public static Tensor? TryMultiply(Tensor input, Tensor matrix, Tensor? bias)
    {
        ScalarType type = matrix.dtype;
        if (!Vector256.IsHardwareAccelerated || !BitConverter.IsLittleEndian || type is not (ScalarType.Float32 or ScalarType.BFloat16)) return null;
        if (input.dtype != type || (bias is not null && bias.dtype != type) || matrix.device_type != DeviceType.CPU || is_grad_enabled()) return null;
        (long rows, long columns) = (matrix.size(0), matrix.size(1));
        if (input.numel() != columns || input.size(-1) != columns || rows > int.MaxValue || columns > int.MaxValue) return null;
        if (!matrix.is_contiguous() || !input.is_contiguous() || bias?.is_contiguous() == false) return null;
        Tensor product = SmallRows.Like(input, rows, type);
        nint vector = input.DataPointer(), added = bias?.DataPointer() ?? 0;
        int threads = rows * columns * (type == ScalarType.Float32 ? 4 : 2) < ParallelBytes ? 1 : get_num_threads();
        if (type == ScalarType.Float32)
        {
            new SingleJob(matrix.DataPointer(), vector, added, product.DataPointer(), (int)columns).Run((int)rows, threads);
        }
        else
        {
            float[] parts = _widened is { } known && known.Length >= columns ? known : _widened = new float[columns];
            fixed (float* halves = parts)
            {
                Part((ushort*)vector, halves, (int)columns);
                new BrainJob(matrix.DataPointer(), (nint)halves, added, product.DataPointer(), (int)columns).Run((int)rows, threads);
            }
        }
        GC.KeepAlive(input);
        GC.KeepAlive(matrix);
        GC.KeepAlive(bias);
        return product;
    }

    // Sixteen numbers of bfloat16 lie in eight pairs: the lower halves are the even ones, the upper the odd ones. The row is laid out alike, once.
    private static void Part(ushort* source, float* target, int columns)
    {
        int half = columns / 2;
        for (int i = 0; i < half; i++) (target[i], target[half + i]) = (BrainNumbers.Read(source[2 * i]), BrainNumbers.Read(source[(2 * i) + 1]));
        if ((columns & 1) != 0) target[columns - 1] = BrainNumbers.Read(source[columns - 1]);
    }

    private sealed class SingleJob(nint matrix, nint vector, nint bias, nint product, int columns) : PieceJob
    {
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        protected override void RunPiece(int start, int end)
        {
            float* x = (float*)vector, b = (float*)bias;
            for (int row = start; row < end; row++)
            {
                float* w = (float*)matrix + ((long)row * columns);
                Vector512<float> first = default, second = default, third = default, fourth = default;
                int i = 0;
                for (; i <= columns - 64; i += 64)
                {
                    first = Vector512.FusedMultiplyAdd(Vector512.Load(w + i), Vector512.Load(x + i), first);
                    second = Vector512.FusedMultiplyAdd(Vector512.Load(w + i + 16), Vector512.Load(x + i + 16), second);
                    third = Vector512.FusedMultiplyAdd(Vector512.Load(w + i + 32), Vector512.Load(x + i + 32), third);
                    fourth = Vector512.FusedMultiplyAdd(Vector512.Load(w + i + 48), Vector512.Load(x + i + 48), fourth);
                }
                float sum = Vector512.Sum(first + second + (third + fourth));
                for (; i < columns; i++) sum += w[i] * x[i];
                ((float*)product)[row] = b is null ? sum : sum + b[row];
            }
        }
    }

    private sealed class BrainJob(nint matrix, nint halves, nint bias, nint product, int columns) : PieceJob
    {
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        protected override void RunPiece(int start, int end)
        {
            int half = columns / 2;
            float* even = (float*)halves, odd = even + half;
            ushort* b = (ushort*)bias;
            Vector512<uint> upper = Vector512.Create(0xFFFF0000u);
            for (int row = start; row < end; row++)
            {
                ushort* w = (ushort*)matrix + ((long)row * columns);
                Vector512<float> first = default, second = default, third = default, fourth = default;
                int i = 0;
                for (; i <= half - 32; i += 32)
                {
                    Vector512<uint> left = Vector512.Load((uint*)(w + (2 * i))), right = Vector512.Load((uint*)(w + (2 * i) + 32));
                    first = Vector512.FusedMultiplyAdd((left << 16).AsSingle(), Vector512.Load(even + i), first);
                    second = Vector512.FusedMultiplyAdd((left & upper).AsSingle(), Vector512.Load(odd + i), second);
                    third = Vector512.FusedMultiplyAdd((right << 16).AsSingle(), Vector512.Load(even + i + 16), third);
                    fourth = Vector512.FusedMultiplyAdd((right & upper).AsSingle(), Vector512.Load(odd + i + 16), fourth);
                }
                float sum = Vector512.Sum(first + second + (third + fourth));
                for (; i < half; i++) sum += (BrainNumbers.Read(w[2 * i]) * even[i]) + (BrainNumbers.Read(w[(2 * i) + 1]) * odd[i]);
                if ((columns & 1) != 0) sum += BrainNumbers.Read(w[columns - 1]) * even[columns - 1];
                ((ushort*)product)[row] = BrainNumbers.Write(b is null ? sum : sum + BrainNumbers.Read(b[row]));
            }
        }
    }
}
