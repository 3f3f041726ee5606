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
        QueryAttentionInput all = Begin(query, cache, plan, checked((int)(room.End - room.Start + 1)), further: 2L * rows * keys);
        float* keyNumbers = all.Scores + ((long)rows * plan.QueryHeads * all.Count), valueNumbers = keyNumbers + ((long)rows * keys);
        Widen(key, rows, keys, keyNumbers);
        Widen(value, rows, keys, valueNumbers);
        if (positions.Rotation is { } rotation)
        {
            Turn(rotation, all.Queries, rows, plan.QueryHeads, width);
            Turn(rotation, keyNumbers, rows, plan.KeyHeads, width);
        }
        nint start = (nint)(room.Start * width * (type == ScalarType.Float32 ? 4 : 2));
        all.Room = room.Size;
        all.Keys = (void*)(room.Keys.DataPointer() + start);
        all.Values = (void*)(room.Values.DataPointer() + start);
        if (type == ScalarType.Float32) Store<float, SingleNumbers>(all, keyNumbers, valueNumbers);
        else Store<ushort, BrainNumbers>(all, keyNumbers, valueNumbers);
        // A bias has the mask in it.
        Tensor? bias = positions.Bias is { } added ? LastKeys(added.dtype == ScalarType.Float32 ? added : added.to(ScalarType.Float32), all.Count) : null;
        Tensor? mask = bias is null && positions.Mask is { } seen ? LastKeys(seen.Allowed, all.Count) : null;
        if (bias is not null)
        {
            all.Bias = (float*)bias.DataPointer();
            (all.BiasRowStride, all.BiasHeadStride) = (Stride(bias, 0), Stride(bias, 1));
        }
        Tensor attended = Run(all, mask, type);
        GC.KeepAlive(bias);
        GC.KeepAlive(room);
        return attended;
    }

    /// <summary>Attention of one new token a row to the encoder's states, whose keys and values are in the cache; null where torch is to compute it.</summary>
    /// <param name="query">[batch, 1, query heads x width]</param>
    /// <param name="keys">[batch, key heads, source tokens, width]</param>
    /// <param name="values">Of the shape of the keys.</param>
    /// <param name="positions">The mask of the states and the cache.</param>
    /// <param name="plan">Heads and the rest.</param>
    /// <param name="context">The layer's pass.</param>
    /// <returns>[batch, 1, query heads x width]</returns>
    public static Tensor? TryAttendMemory(Tensor query, Tensor keys, Tensor values, AttentionInput positions, AttentionPlan plan, ForwardContext context)
    {
        ScalarType type = context.ComputeType;
        if (!Suits(query, positions, null, context) || keys.dtype != type || values.dtype != type || keys.size(0) != query.size(0)) return null;
        if (!keys.is_contiguous() || !values.is_contiguous()) return null;
        QueryAttentionInput all = Begin(new(query), (DecodingCache)positions.Cache!, plan, checked((int)keys.size(2)), further: 0);
        all.Room = all.Count;
        all.Keys = (void*)keys.DataPointer();
        all.Values = (void*)values.DataPointer();
        Tensor attended = Run(all, positions.MemoryMask?.Allowed.contiguous(), type);
        GC.KeepAlive(keys);
        GC.KeepAlive(values);
        return attended;
    }

    // Queries widened, and room for what comes out, for the scores and for what the caller needs behind them.
    private static QueryAttentionInput Begin(TokenPart query, DecodingCache cache, AttentionPlan plan, int count, long further)
    {
        int rows = (int)query.Of.size(0);
        long queries = (long)plan.QueryHeads * plan.Width;
        float* numbers = cache.Scratch((2 * rows * queries) + ((long)rows * plan.QueryHeads * count) + further);
        Widen(query, rows, (int)queries, numbers);
        return new()
        {
            Queries = numbers, Output = numbers + (rows * queries), Scores = numbers + (2 * rows * queries), Count = count, Rows = rows, Width = plan.Width,
            QueryHeads = plan.QueryHeads, KeyHeads = plan.KeyHeads, Scale = (float)plan.ScaleOrDefault, Cap = (float)(plan.SoftCap ?? 0),
        };
    }

    private static Tensor Run(QueryAttentionInput all, Tensor? mask, ScalarType type)
    {
        if (mask is not null)
        {
            all.Mask = (byte*)mask.DataPointer();
            all.MaskStride = Stride(mask, 0);
        }
        Tensor attended = empty(all.Rows, 1, (long)all.QueryHeads * all.Width, type);
        long numbers = (long)all.Rows * all.QueryHeads * all.Width;
        nint target = attended.DataPointer();
        if (type == ScalarType.Float32)
        {
            all.Output = (float*)target;
            QueryAttention.Run<float, SingleNumbers>(&all, get_num_threads());
        }
        else
        {
            QueryAttention.Run<ushort, BrainNumbers>(&all, get_num_threads());
            for (long i = 0; i < numbers; i++) ((ushort*)target)[i] = BrainNumbers.Write(all.Output[i]);
        }
        GC.KeepAlive(mask);
        return attended;
    }

    // The new keys and values stand behind those that are there.
    private static void Store<T, TNumbers>(in QueryAttentionInput all, float* key, float* value)
        where T : unmanaged
        where TNumbers : IStoredNumbers<T>
    {
        int width = all.Width, heads = all.Rows * all.KeyHeads;
        for (int head = 0; head < heads; head++, key += width, value += width)
        {
            long own = ((head * all.Room) + all.Count - 1) * width;
            for (int i = 0; i < width; i++)
            {
                ((T*)all.Keys)[own + i] = TNumbers.Write(key[i]);
                ((T*)all.Values)[own + i] = TNumbers.Write(value[i]);
            }
        }
    }

    private static void Widen(TokenPart part, int rows, int width, float* to)
    {
        Tensor from = part.Of.dtype is ScalarType.Float32 or ScalarType.BFloat16 ? part.Of : part.Of.to(ScalarType.Float32);
        if (!from.is_contiguous()) from = from.contiguous();
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
