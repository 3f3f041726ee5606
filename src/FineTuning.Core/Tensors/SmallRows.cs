using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using TorchSharp;
using static TorchSharp.torch;

namespace FineTuning.Tensors;

/// <summary>Functions of few rows without gradients, where torch takes longer to begin than to compute: one pass instead of several operations.</summary>
internal static unsafe class SmallRows
{
    private const long Most = 1 << 14;

    /// <summary>x / sqrt(mean(x^2) + epsilon) * (gain + shift) over the last dimension; null where torch is to compute it.</summary>
    /// <param name="input">[.., width], float32</param>
    /// <param name="gain">[width], float32</param>
    /// <param name="epsilon">Added to the mean.</param>
    /// <param name="shift">Added to the gain.</param>
    /// <returns>The shape of the input.</returns>
    public static Tensor? TryNormalize(Tensor input, Tensor gain, double epsilon, double shift)
    {
        if (!IsSmall(input) || input.dtype != ScalarType.Float32 || gain.dtype != ScalarType.Float32 || !gain.is_contiguous()) return null;
        long numbers = input.numel(), width = gain.numel();
        Tensor output = Like(input, width, ScalarType.Float32);
        float* factors = (float*)gain.DataPointer(), source = (float*)input.DataPointer(), target = (float*)output.DataPointer();
        for (long row = 0; row < numbers; row += width) Normalize(source + row, factors, target + row, (int)width, epsilon, (float)shift);
        GC.KeepAlive(input);
        GC.KeepAlive(gain);
        return output;
    }

    /// <summary>A function of the first half of each row times the second half (Shazeer 2020, equation 6); null where torch is to compute it.</summary>
    /// <param name="input">[.., 2 x width], float32 or bfloat16</param>
    /// <param name="gate">The function.</param>
    /// <returns>[.., width], of that type</returns>
    public static Tensor? TryGate(Tensor input, SmallGate gate)
    {
        if (!IsSmall(input) || input.dtype is not (ScalarType.Float32 or ScalarType.BFloat16)) return null;
        long numbers = input.numel(), width = input.size(-1) / 2;
        Tensor output = Like(input, width, input.dtype);
        nint source = input.DataPointer(), target = output.DataPointer();
        for (long row = 0; 2 * row < numbers; row += width)
        {
            if (input.dtype == ScalarType.Float32) Gate<float, SingleNumbers>((float*)source + (2 * row), (float*)target + row, (int)width, gate);
            else Gate<ushort, BrainNumbers>((ushort*)source + (2 * row), (ushort*)target + row, (int)width, gate);
        }
        GC.KeepAlive(input);
        return output;
    }

    /// <summary>A tensor without values, of a shape but for the last dimension.</summary>
    public static Tensor Like(Tensor shape, long width, ScalarType type)
    {
        int dimensions = (int)shape.dim();
        Span<long> sizes = stackalloc long[dimensions];
        for (int i = 0; i < dimensions - 1; i++) sizes[i] = shape.size(i);
        sizes[^1] = width;
        return empty(sizes, type);
    }

    private static bool IsSmall(Tensor input) =>
        input.device_type == DeviceType.CPU && input.dim() > 0 && input.numel() <= Most && !is_grad_enabled() && input.is_contiguous();

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Normalize(float* source, float* gain, float* target, int width, double epsilon, float shift)
    {
        Vector512<float> squares = default;
        int i = 0;
        for (; i <= width - 16; i += 16)
        {
            Vector512<float> some = Vector512.Load(source + i);
            squares = Vector512.FusedMultiplyAdd(some, some, squares);
        }
        float sum = Vector512.Sum(squares);
        for (; i < width; i++) sum += source[i] * source[i];
        float scale = (float)(1 / Math.Sqrt((sum / width) + epsilon));
        for (i = 0; i <= width - 16; i += 16)
        {
            (Vector512.Load(source + i) * scale * (Vector512.Load(gain + i) + Vector512.Create(shift))).Store(target + i);
        }
        for (; i < width; i++) target[i] = source[i] * scale * (gain[i] + shift);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Gate<T, TNumbers>(T* source, T* target, int width, SmallGate gate)
        where T : unmanaged
        where TNumbers : IStoredNumbers<T>
    {
        int i = 0;
        for (; i <= width - 16; i += 16)
        {
            Vector512<float> x = TNumbers.Load(source + i);
            // Both are x times the logistic function of some number; half of (1 + tanh u) is that of 2 u.
            Vector512<float> exponent = gate == SmallGate.Silu ? x
                : Vector512.Create(2 * 0.7978845608f) * (x + (Vector512.Create(0.044715f) * x * x * x));
            TNumbers.Store(x / (Vector512<float>.One + Vector512.Exp(-exponent)) * TNumbers.Load(source + width + i), target + i);
        }
        for (; i < width; i++)
        {
            float x = TNumbers.Read(source[i]), exponent = gate == SmallGate.Silu ? x : 2 * 0.7978845608f * (x + (0.044715f * x * x * x));
            target[i] = TNumbers.Write(x / (1 + MathF.Exp(-exponent)) * TNumbers.Read(source[width + i]));
        }
    }
}

/// <summary>The functions of gates that are computed here.</summary>
internal enum SmallGate
{
    /// <summary>x times the logistic function of x.</summary>
    Silu,

    /// <summary>GELU by its approximation with the hyperbolic tangent.</summary>
    GeluTanh,
}
