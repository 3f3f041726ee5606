using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using TorchSharp;
using static TorchSharp.torch;

namespace FineTuning.Tensors;

/// <summary>
/// Functions of rows without gradients on the CPU, in one pass over memory where torch needs several; of few rows torch takes longer to begin than to compute.
/// </summary>
internal static unsafe class FusedRows
{
    // Below it a second thread costs more than it brings.
    private const long ParallelNumbers = 1 << 16;

    // It is widened on the stack.
    private const int LongestRow = 1 << 14;

    /// <summary>x / sqrt(mean(x^2) + epsilon) * (gain + shift) over the last dimension; null where torch is to compute it.</summary>
    /// <param name="input">[.., width], float32</param>
    /// <param name="gain">[width], float32</param>
    /// <param name="epsilon">Added to the mean.</param>
    /// <param name="shift">Added to the gain.</param>
    /// <returns>The shape of the input.</returns>
    public static Tensor? TryNormalize(Tensor input, Tensor gain, double epsilon, double shift)
    {
        if (!Suits(input) || input.dtype != ScalarType.Float32 || gain.dtype != ScalarType.Float32 || !gain.is_contiguous()) return null;
        long numbers = input.numel(), width = gain.numel();
        Tensor output = Like(input, width, ScalarType.Float32);
        var job = new NormJob(input.DataPointer(), gain.DataPointer(), output.DataPointer(), (int)width, epsilon, (float)shift);
        job.Run((int)(numbers / width), Threads(numbers));
        GC.KeepAlive(input);
        GC.KeepAlive(gain);
        return output;
    }

    /// <summary>A function of the first half of each row times the second half (Shazeer 2020, equation 6); null where torch is to compute it.</summary>
    /// <param name="input">[.., 2 x width], float32 or bfloat16</param>
    /// <param name="gate">The function.</param>
    /// <returns>[.., width], of that type</returns>
    public static Tensor? TryGate(Tensor input, FusedGate gate)
    {
        if (!Suits(input) || input.dtype is not (ScalarType.Float32 or ScalarType.BFloat16)) return null;
        long numbers = input.numel(), width = input.size(-1) / 2;
        Tensor output = Like(input, width, input.dtype);
        nint source = input.DataPointer(), target = output.DataPointer();
        PieceJob job = input.dtype == ScalarType.Float32 ? new GateJob<float, SingleNumbers>(source, target, (int)width, gate)
            : new GateJob<ushort, BrainNumbers>(source, target, (int)width, gate);
        job.Run((int)(numbers / (2 * width)), Threads(numbers));
        GC.KeepAlive(input);
        return output;
    }

    /// <summary>Turns channel i of each head with channel i + half (Su et al. 2021, equation 34); null where torch is to compute it.</summary>
    /// <param name="input">[batch, heads, tokens, width], float32 or bfloat16, in any order of memory but for the last dimension.</param>
    /// <param name="cosine">[tokens, half], or [batch, 1, tokens, half]; float32</param>
    /// <param name="sine">Of the same shape.</param>
    /// <returns>The shape and type of the input; channels from twice the half on stay.</returns>
    public static Tensor? TryTurn(Tensor input, Tensor cosine, Tensor sine)
    {
        if (input.device_type != DeviceType.CPU || is_grad_enabled() || input.dim() != 4 || input.stride(3) != 1) return null;
        if (input.dtype is not (ScalarType.Float32 or ScalarType.BFloat16) || cosine.dtype != ScalarType.Float32) return null;
        (long batch, long heads, long tokens, long width) = (input.size(0), input.size(1), input.size(2), input.size(3));
        long half = cosine.size(-1), rows = batch * heads * tokens;
        long apart = cosine.dim() == 4 && cosine.size(0) == batch && batch > 1 ? tokens * half : 0;
        if (cosine.size(-2) != tokens || cosine.numel() != Math.Max(apart * batch, tokens * half)) return null;
        if (!cosine.is_contiguous() || !sine.is_contiguous()) return null;
        if (2 * half > width || rows is 0 or > int.MaxValue) return null;
        Tensor output = empty([batch, heads, tokens, width], input.dtype);
        var shape = new TurnShape((int)heads, (int)tokens, (int)width, (int)half, input.stride(0), input.stride(1), input.stride(2), apart);
        nint source = input.StridedPointer(), target = output.DataPointer(), cosines = cosine.DataPointer(), sines = sine.DataPointer();
        PieceJob job = input.dtype == ScalarType.Float32 ? new TurnJob<float, SingleNumbers>(source, target, cosines, sines, shape)
            : new TurnJob<ushort, BrainNumbers>(source, target, cosines, sines, shape);
        job.Run((int)rows, Threads(rows * width));
        GC.KeepAlive(input);
        GC.KeepAlive(cosine);
        GC.KeepAlive(sine);
        return output;
    }

    /// <summary>
    /// The softmax of scores times a factor, in place: of the keys that a query sees, which are those up to itself; the others get 0. False where torch is to
    /// compute it.
    /// </summary>
    /// <param name="scores">[.., queries, keys], float32 or bfloat16</param>
    /// <param name="scale">The factor.</param>
    /// <param name="before">Keys before the first query; as many as there are: all are seen.</param>
    public static bool TrySoftmax(Tensor scores, double scale, long before)
    {
        if (!Suits(scores) || scores.dim() < 2 || scores.dtype is not (ScalarType.Float32 or ScalarType.BFloat16)) return false;
        (long numbers, long queries, long keys) = (scores.numel(), scores.size(-2), scores.size(-1));
        if (keys > LongestRow) return false;
        nint data = scores.DataPointer();
        var shape = new SoftmaxShape((int)queries, (int)keys, (int)Math.Min(before, keys), (float)scale);
        PieceJob job = scores.dtype == ScalarType.Float32 ? new SoftmaxJob<float, SingleNumbers>(data, shape)
            : new SoftmaxJob<ushort, BrainNumbers>(data, shape);
        job.Run((int)(numbers / keys), Threads(numbers));
        GC.KeepAlive(scores);
        return true;
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

    private static bool Suits(Tensor input) => input.device_type == DeviceType.CPU && input.dim() > 0 && !is_grad_enabled() && input.is_contiguous()
        && input.numel() is > 0 and <= int.MaxValue;

    private static int Threads(long numbers) => numbers < ParallelNumbers ? 1 : get_num_threads();

    private sealed class NormJob(nint source, nint gain, nint target, int width, double epsilon, float shift) : PieceJob
    {
        protected override void RunPiece(int start, int end)
        {
            for (long row = (long)start * width; row < (long)end * width; row += width) Normalize((float*)source + row, (float*)target + row);
        }

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private void Normalize(float* source, float* target)
        {
            float* factors = (float*)gain;
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
                (Vector512.Load(source + i) * scale * (Vector512.Load(factors + i) + Vector512.Create(shift))).Store(target + i);
            }
            for (; i < width; i++) target[i] = source[i] * scale * (factors[i] + shift);
        }
    }

    private sealed class GateJob<T, TNumbers>(nint source, nint target, int width, FusedGate gate) : PieceJob
        where T : unmanaged
        where TNumbers : IStoredNumbers<T>
    {
        protected override void RunPiece(int start, int end)
        {
            for (long row = (long)start * width; row < (long)end * width; row += width) Gate((T*)source + (2 * row), (T*)target + row);
        }

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private void Gate(T* source, T* target)
        {
            int i = 0;
            for (; i <= width - 16; i += 16)
            {
                Vector512<float> x = TNumbers.Load(source + i);
                // Both are x times the logistic function of some number; half of (1 + tanh u) is that of 2 u.
                Vector512<float> exponent = gate == FusedGate.Silu ? x
                    : Vector512.Create(2 * 0.7978845608f) * (x + (Vector512.Create(0.044715f) * x * x * x));
                TNumbers.Store(x / (Vector512<float>.One + Exponential.Of(-exponent)) * TNumbers.Load(source + width + i), target + i);
            }
            for (; i < width; i++)
            {
                float x = TNumbers.Read(source[i]), exponent = gate == FusedGate.Silu ? x : 2 * 0.7978845608f * (x + (0.044715f * x * x * x));
                target[i] = TNumbers.Write(x / (1 + MathF.Exp(-exponent)) * TNumbers.Read(source[width + i]));
            }
        }
    }

    private readonly record struct SoftmaxShape(int Queries, int Keys, int Before, float Scale);

    private sealed class SoftmaxJob<T, TNumbers>(nint scores, SoftmaxShape shape) : PieceJob
        where T : unmanaged
        where TNumbers : IStoredNumbers<T>
    {
        [SkipLocalsInit]
        protected override void RunPiece(int start, int end)
        {
            float* wide = stackalloc float[shape.Keys + 16];
            for (int row = start; row < end; row++)
            {
                int seen = Math.Min(shape.Keys, shape.Before + (row % shape.Queries) + 1);
                T* own = (T*)scores + ((long)row * shape.Keys);
                Softmax(own, wide, seen);
                new Span<T>(own + seen, shape.Keys - seen).Clear();
            }
        }

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private void Softmax(T* own, float* wide, int seen)
        {
            Vector512<float> scale = Vector512.Create(shape.Scale), most = Vector512.Create(float.NegativeInfinity), sums = default;
            int i = 0;
            for (; i <= seen - 16; i += 16)
            {
                Vector512<float> some = TNumbers.Load(own + i) * scale;
                some.Store(wide + i);
                most = Vector512.Max(most, some);
            }
            float highest = float.NegativeInfinity, sum = 0;
            for (int lane = 0; lane < 16; lane++) highest = MathF.Max(highest, most[lane]);
            for (; i < seen; i++) highest = MathF.Max(highest, wide[i] = TNumbers.Read(own[i]) * shape.Scale);
            Vector512<float> offset = Vector512.Create(highest);
            for (i = 0; i <= seen - 16; i += 16)
            {
                Vector512<float> some = Exponential.Of(Vector512.Load(wide + i) - offset);
                some.Store(wide + i);
                sums += some;
            }
            sum += Vector512.Sum(sums);
            for (; i < seen; i++) sum += wide[i] = MathF.Exp(wide[i] - highest);
            float part = 1 / sum;
            Vector512<float> parts = Vector512.Create(part);
            for (i = 0; i <= seen - 16; i += 16) TNumbers.Store(Vector512.Load(wide + i) * parts, own + i);
            for (; i < seen; i++) own[i] = TNumbers.Write(wide[i] * part);
        }
    }

    // Strides are in numbers; Apart is from one row of the batch to the next in the tables.
    private readonly record struct TurnShape(int Heads, int Tokens, int Width, int Half, long BatchStride, long HeadStride, long TokenStride, long Apart);

    private sealed class TurnJob<T, TNumbers>(nint source, nint target, nint cosine, nint sine, TurnShape shape) : PieceJob
        where T : unmanaged
        where TNumbers : IStoredNumbers<T>
    {
        protected override void RunPiece(int start, int end)
        {
            for (int row = start; row < end; row++)
            {
                (int head, int token) = Math.DivRem(row, shape.Tokens);
                (int batch, head) = Math.DivRem(head, shape.Heads);
                T* from = (T*)source + (batch * shape.BatchStride) + (head * shape.HeadStride) + (token * shape.TokenStride);
                long angle = (batch * shape.Apart) + ((long)token * shape.Half);
                Turn(from, (T*)target + ((long)row * shape.Width), (float*)cosine + angle, (float*)sine + angle);
            }
        }

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private void Turn(T* from, T* to, float* cosines, float* sines)
        {
            int half = shape.Half, i = 0;
            for (; i <= half - 16; i += 16)
            {
                Vector512<float> left = TNumbers.Load(from + i), right = TNumbers.Load(from + half + i);
                Vector512<float> cosine = Vector512.Load(cosines + i), sine = Vector512.Load(sines + i);
                TNumbers.Store((left * cosine) - (right * sine), to + i);
                TNumbers.Store((right * cosine) + (left * sine), to + half + i);
            }
            for (; i < half; i++)
            {
                float left = TNumbers.Read(from[i]), right = TNumbers.Read(from[half + i]);
                to[i] = TNumbers.Write((left * cosines[i]) - (right * sines[i]));
                to[half + i] = TNumbers.Write((right * cosines[i]) + (left * sines[i]));
            }
            for (i = 2 * half; i < shape.Width; i++) to[i] = from[i];
        }
    }
}

/// <summary>The functions of gates that are computed here.</summary>
internal enum FusedGate
{
    /// <summary>x times the logistic function of x.</summary>
    Silu,

    /// <summary>GELU by its approximation with the hyperbolic tangent.</summary>
    GeluTanh,
}
