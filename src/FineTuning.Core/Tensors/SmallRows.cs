using System.Runtime.Intrinsics;
using TorchSharp;
using static TorchSharp.torch;

namespace FineTuning.Tensors;

/// <summary>Functions of few rows without gradients, where torch takes longer to begin than to compute: one pass instead of six operations.</summary>
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
        if (input.dtype != ScalarType.Float32 || gain.dtype != ScalarType.Float32 || input.device_type != DeviceType.CPU) return null;
        long numbers = input.numel(), width = gain.numel();
        if (numbers > Most || is_grad_enabled() || !input.is_contiguous() || !gain.is_contiguous()) return null;
        Tensor output = empty(input.shape, ScalarType.Float32);
        float* factors = (float*)gain.DataPointer(), source = (float*)input.DataPointer(), target = (float*)output.DataPointer();
        for (long row = 0; row < numbers; row += width) Normalize(source + row, factors, target + row, (int)width, epsilon, (float)shift);
        GC.KeepAlive(input);
        GC.KeepAlive(gain);
        return output;
    }

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
}
