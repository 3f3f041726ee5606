using FineTuning.Tensors;
using TorchSharp;
using static TorchSharp.torch;

namespace FineTuning.Models;

/// <summary>
/// Self-attention of one new token a row in generation: queries and keys are turned, keys and values written into the cache, and everything in it attended to,
/// in one pass over memory. Some thirty operations of torch take longer to begin than to compute.
/// </summary>
internal static unsafe class TokenStep
{
    /// <summary>Whether a layer's pass is such a step.</summary>
    public static bool Suits(Tensor input, AttentionInput positions, Wanted? wanted, ForwardContext context) =>
        positions.Cache is DecodingCache && wanted is null && !context.IsTraining && input.size(1) == 1 && input.device_type == DeviceType.CPU
            && System.Runtime.Intrinsics.Vector256.IsHardwareAccelerated && context.ComputeType is ScalarType.Float32 or ScalarType.BFloat16
            && !is_grad_enabled();

    /// <param name="query">[batch, 1, query heads x width] from a number of each row on</param>
    /// <param name="key">[batch, 1, key heads x width]</param>
    /// <param name="value">[batch, 1, key heads x width]</param>
    /// <param name="positions">Masks, rotation and the cache.</param>
    /// <param name="plan">Heads and the rest.</param>
    /// <param name="type">float32 or bfloat16: that of the cache and of what comes out.</param>
    /// <returns>[batch, 1, query heads x width]</returns>
    public static Tensor Attend(TokenPart query, TokenPart key, TokenPart value, AttentionInput positions, AttentionPlan plan, ScalarType type)
    {
        var cache = (DecodingCache)positions.Cache!;
        int rows = (int)query.Of.size(0), width = plan.Width, queries = plan.QueryHeads * width, keys = plan.KeyHeads * width;
        LayerRoom room = cache.Reserve(positions.Layer, rows, plan.KeyHeads, 1, width, type, query.Of.device);
        int count = checked((int)(room.End - room.Start + 1));
        long inside = ((long)rows * (queries + queries + keys + keys)) + ((long)rows * plan.QueryHeads * count);
        float* queryNumbers = cache.Scratch(inside), output = queryNumbers + ((long)rows * queries), keyNumbers = output + ((long)rows * queries);
        float* valueNumbers = keyNumbers + ((long)rows * keys), scores = valueNumbers + ((long)rows * keys);
        Widen(query, rows, queries, queryNumbers);
        Widen(key, rows, keys, keyNumbers);
        Widen(value, rows, keys, valueNumbers);
        if (positions.Rotation is { } rotation)
        {
            Turn(rotation, queryNumbers, rows, plan.QueryHeads, width);
            Turn(rotation, keyNumbers, rows, plan.KeyHeads, width);
        }
        var all = new QueryAttentionInput
        {
            Queries = queryNumbers, Output = output, Scores = scores, Room = room.Size, Count = count, Rows = rows, Width = width,
            QueryHeads = plan.QueryHeads, KeyHeads = plan.KeyHeads, Scale = (float)plan.ScaleOrDefault, Cap = (float)(plan.SoftCap ?? 0),
        };
        // A bias has the mask in it.
        Tensor? bias = positions.Bias is { } added ? LastKeys(added.dtype == ScalarType.Float32 ? added : added.to(ScalarType.Float32), count) : null;
        Tensor? mask = bias is null && positions.Mask is { } seen ? LastKeys(seen.Allowed, count) : null;
        if (bias is not null)
        {
            all.Bias = (float*)bias.DataPointer();
            (all.BiasRowStride, all.BiasHeadStride) = (Stride(bias, 0), Stride(bias, 1));
        }
        if (mask is not null)
        {
            all.Mask = (byte*)mask.DataPointer();
            all.MaskStride = Stride(mask, 0);
        }
        Tensor attended = empty(rows, 1, queries, type);
        if (type == ScalarType.Float32) Run<float, SingleNumbers>(room, &all, keyNumbers, valueNumbers, attended);
        else Run<ushort, BrainNumbers>(room, &all, keyNumbers, valueNumbers, attended);
        GC.KeepAlive(bias);
        GC.KeepAlive(mask);
        return attended;
    }

    private static void Run<T, TNumbers>(LayerRoom room, QueryAttentionInput* all, float* key, float* value, Tensor attended)
        where T : unmanaged
        where TNumbers : IStoredNumbers<T>
    {
        int width = all->Width, heads = all->Rows * all->KeyHeads;
        T* keys = (T*)room.Keys.DataPointer(), values = (T*)room.Values.DataPointer(), target = (T*)attended.DataPointer();
        for (int head = 0; head < heads; head++)
        {
            long own = ((head * room.Size) + room.End) * width;
            for (int i = 0; i < width; i++)
            {
                keys[own + i] = TNumbers.Write(key[((long)head * width) + i]);
                values[own + i] = TNumbers.Write(value[((long)head * width) + i]);
            }
        }
        all->Keys = keys + (room.Start * width);
        all->Values = values + (room.Start * width);
        QueryAttention.Run<T, TNumbers>(all, get_num_threads());
        long numbers = (long)all->Rows * all->QueryHeads * width;
        for (long i = 0; i < numbers; i++) target[i] = TNumbers.Write(all->Output[i]);
        GC.KeepAlive(room);
    }

    private static void Widen(TokenPart part, int rows, int width, float* to)
    {
        Tensor from = (part.Of.dtype is ScalarType.Float32 or ScalarType.BFloat16 ? part.Of : part.Of.to(ScalarType.Float32)).contiguous();
        long apart = from.numel() / rows;
        nint source = from.DataPointer();
        for (int row = 0; row < rows; row++, to += width)
        {
            long start = (row * apart) + part.Start;
            if (from.dtype == ScalarType.Float32) new ReadOnlySpan<float>((float*)source + start, width).CopyTo(new Span<float>(to, width));
            else for (int i = 0; i < width; i++) to[i] = BrainNumbers.Read(((ushort*)source)[start + i]);
        }
        GC.KeepAlive(from);
    }

    private static void Turn(Rotation rotation, float* numbers, int rows, int heads, int width)
    {
        int half = (int)rotation.Cosine.size(-1);
        long apart = rotation.Cosine.numel() == half ? 0 : half;
        float* cosines = (float*)rotation.Cosine.DataPointer(), sines = (float*)rotation.Sine.DataPointer();
        (int step, int other) = rotation.Interleaved ? (2, 1) : (1, half);
        for (int row = 0; row < rows; row++)
        {
            float* cosine = cosines + (row * apart), sine = sines + (row * apart);
            for (int head = 0; head < heads; head++, numbers += width)
            {
                for (int i = 0; i < half; i++)
                {
                    (float left, float right) = (numbers[i * step], numbers[(i * step) + other]);
                    (numbers[i * step], numbers[(i * step) + other]) = ((left * cosine[i]) - (right * sine[i]), (right * cosine[i]) + (left * sine[i]));
                }
            }
        }
    }

    // [1 or rows, 1 or heads, 1, keys]: of the keys that are still there.
    private static Tensor LastKeys(Tensor whole, int count) => (whole.size(3) == count ? whole : whole.narrow(3, whole.size(3) - count, count)).contiguous();

    private static long Stride(Tensor tensor, int dimension) => tensor.size(dimension) == 1 ? 0 : tensor.stride(dimension);
}

/// <summary>Numbers of each row of a tensor, from one of them on.</summary>
/// <param name="Of">[batch, ..]</param>
/// <param name="Start">The first number of a row.</param>
internal readonly record struct TokenPart(Tensor Of, long Start = 0);
