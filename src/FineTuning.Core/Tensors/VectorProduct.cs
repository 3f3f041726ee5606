using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
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

    // Numbers of float32 in a line of the cache, and in the widest vector.
    private const int Line = 16;

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
        Tensor product = FusedRows.Like(input, rows, type);
        nint vector = input.DataPointer(), added = bias?.DataPointer() ?? 0;
        int threads = rows * columns * (type == ScalarType.Float32 ? 4 : 2) < ParallelBytes ? 1 : get_num_threads();
        if (type == ScalarType.Float32)
        {
            new SingleJob(matrix.DataPointer(), vector, added, product.DataPointer(), (int)columns).Run((int)rows, threads);
        }
        else
        {
            float* halves = Widened((int)columns);
            Part((ushort*)vector, halves, (int)columns);
            new BrainJob(matrix.DataPointer(), (nint)halves, added, product.DataPointer(), (int)columns).Run((int)rows, threads);
        }
        GC.KeepAlive(input);
        GC.KeepAlive(matrix);
        GC.KeepAlive(bias);
        return product;
    }

    // Vectors that cross the borders of the cache's lines are read at half the speed. A pinned array does not move.
    private static float* Widened(int columns)
    {
        int needed = OddStart(columns) + columns + Line;
        float[] array = _widened is { } known && known.Length >= needed ? known : _widened = GC.AllocateUninitializedArray<float>(needed, pinned: true);
        nint address = (nint)Unsafe.AsPointer(ref MemoryMarshal.GetArrayDataReference(array));
        return (float*)((address + 63) & ~63);
    }

    private static int OddStart(int columns) => ((columns / 2) + Line - 1) / Line * Line;

    // Two numbers of bfloat16 lie in 32 bits: the lower halves are the even ones, the upper the odd ones. The row is laid out alike, once.
    private static void Part(ushort* source, float* even, int columns)
    {
        float* odd = even + OddStart(columns);
        int half = columns / 2, i = 0;
        for (; i <= half - Line; i += Line)
        {
            Vector512<uint> pairs = Vector512.Load((uint*)source + i);
            (pairs << 16).AsSingle().Store(even + i);
            (pairs & Vector512.Create(0xFFFF0000u)).AsSingle().Store(odd + i);
        }
        for (; i < half; i++) (even[i], odd[i]) = (BrainNumbers.Read(source[2 * i]), BrainNumbers.Read(source[(2 * i) + 1]));
        if ((columns & 1) != 0) odd[half] = BrainNumbers.Read(source[columns - 1]);
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
            float* even = (float*)halves, odd = even + OddStart(columns);
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
                if ((columns & 1) != 0) sum += BrainNumbers.Read(w[columns - 1]) * odd[half];
                ((ushort*)product)[row] = BrainNumbers.Write(b is null ? sum : sum + BrainNumbers.Read(b[row]));
            }
        }
    }
}
