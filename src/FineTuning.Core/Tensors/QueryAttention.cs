using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace FineTuning.Tensors;

/// <summary>What one query a row and head attends to, in memory.</summary>
internal unsafe struct QueryAttentionInput
{
    /// <summary>[rows, query heads, width], float32</summary>
    public float* Queries;

    /// <summary>The first key that is attended to, of [rows, key heads, room, width].</summary>
    public void* Keys;

    /// <summary>The first value, of the same shape.</summary>
    public void* Values;

    /// <summary>Keys for which there is room: from one head to the next.</summary>
    public long Room;

    /// <summary>Keys that are attended to.</summary>
    public int Count;

    /// <summary>Rows of the batch.</summary>
    public int Rows;

    /// <summary>Heads of queries.</summary>
    public int QueryHeads;

    /// <summary>Heads of keys; each serves consecutive query heads.</summary>
    public int KeyHeads;

    /// <summary>Channels a head.</summary>
    public int Width;

    /// <summary>The factor of the scores.</summary>
    public float Scale;

    /// <summary>Scores become cap times the hyperbolic tangent of score over cap; 0: they stay.</summary>
    public float Cap;

    /// <summary>False where a key is not seen, [rows, count]. Null: all are.</summary>
    public byte* Mask;

    /// <summary>From one row of the mask to the next; 0: rows are alike.</summary>
    public long MaskStride;

    /// <summary>Added to the scores, [rows, query heads, count], float32. Null: nothing is.</summary>
    public float* Bias;

    /// <summary>From one row of the bias to the next.</summary>
    public long BiasRowStride;

    /// <summary>From one head of the bias to the next.</summary>
    public long BiasHeadStride;

    /// <summary>Room for the scores, [rows, query heads, count].</summary>
    public float* Scores;

    /// <summary>[rows, query heads, width], float32: filled.</summary>
    public float* Output;
}

/// <summary>
/// Attention of one query a row (Vaswani et al. 2017, equation 1): it takes as long as keys and values take to be read, which are neither copied nor repeated
/// for heads that share them.
/// </summary>
internal static unsafe class QueryAttention
{
    private const long ParallelBytes = 1 << 19;

    /// <summary>Computes all rows and heads.</summary>
    /// <typeparam name="T">The type of keys and values.</typeparam>
    /// <typeparam name="TNumbers">How they are read.</typeparam>
    public static void Run<T, TNumbers>(QueryAttentionInput* input, int threads)
        where T : unmanaged
        where TNumbers : IStoredNumbers<T>
    {
        int heads = input->Rows * input->KeyHeads;
        long bytes = 2L * heads * input->Count * input->Width * sizeof(T);
        new HeadJob<T, TNumbers>((nint)input).Run(heads, bytes < ParallelBytes ? 1 : threads);
    }

    private sealed class HeadJob<T, TNumbers>(nint input) : PieceJob
        where T : unmanaged
        where TNumbers : IStoredNumbers<T>
    {
        protected override void RunPiece(int start, int end)
        {
            ref readonly QueryAttentionInput all = ref *(QueryAttentionInput*)input;
            int shared = all.QueryHeads / all.KeyHeads;
            for (int head = start; head < end; head++)
            {
                int row = head / all.KeyHeads;
                T* keys = (T*)all.Keys + (head * all.Room * all.Width), values = (T*)all.Values + (head * all.Room * all.Width);
                for (int i = 0; i < shared; i++)
                {
                    int queryHead = ((head % all.KeyHeads) * shared) + i;
                    long query = ((long)row * all.QueryHeads) + queryHead;
                    float* scores = all.Scores + (query * all.Count);
                    Score<T, TNumbers>(all, all.Queries + (query * all.Width), keys, scores);
                    Change(all, row, queryHead, scores);
                    Normalize(scores, all.Count);
                    Gather<T, TNumbers>(all, scores, values, all.Output + (query * all.Width));
                }
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Score<T, TNumbers>(in QueryAttentionInput all, float* query, T* keys, float* scores)
        where T : unmanaged
        where TNumbers : IStoredNumbers<T>
    {
        int width = all.Width;
        for (int key = 0; key < all.Count; key++, keys += width)
        {
            Vector512<float> first = default, second = default;
            int i = 0;
            for (; i <= width - 32; i += 32)
            {
                first = Vector512.FusedMultiplyAdd(TNumbers.Load(keys + i), Vector512.Load(query + i), first);
                second = Vector512.FusedMultiplyAdd(TNumbers.Load(keys + i + 16), Vector512.Load(query + i + 16), second);
            }
            for (; i <= width - 16; i += 16) first = Vector512.FusedMultiplyAdd(TNumbers.Load(keys + i), Vector512.Load(query + i), first);
            float sum = Vector512.Sum(first + second);
            for (; i < width; i++) sum += TNumbers.Read(keys[i]) * query[i];
            scores[key] = sum * all.Scale;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Change(in QueryAttentionInput all, int row, int head, float* scores)
    {
        if (all.Cap != 0)
        {
            for (int i = 0; i < all.Count; i++) scores[i] = all.Cap * MathF.Tanh(scores[i] / all.Cap);
        }
        if (all.Bias is not null)
        {
            float* bias = all.Bias + (row * all.BiasRowStride) + (head * all.BiasHeadStride);
            for (int i = 0; i < all.Count; i++) scores[i] += bias[i];
        }
        if (all.Mask is null) return;
        byte* mask = all.Mask + (row * all.MaskStride);
        for (int i = 0; i < all.Count; i++)
        {
            // Finite, so that where nothing is seen everything is, evenly.
            if (mask[i] == 0) scores[i] = float.MinValue;
        }
    }

    // The softmax.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Normalize(float* scores, int count)
    {
        float most = float.NegativeInfinity, sum = 0;
        for (int i = 0; i < count; i++) most = MathF.Max(most, scores[i]);
        int next = 0;
        Vector512<float> offset = Vector512.Create(most), sums = default;
        for (; next <= count - 16; next += 16)
        {
            Vector512<float> some = Vector512.Exp(Vector512.Load(scores + next) - offset);
            some.Store(scores + next);
            sums += some;
        }
        sum += Vector512.Sum(sums);
        for (; next < count; next++) sum += scores[next] = MathF.Exp(scores[next] - most);
        for (int i = 0; i < count; i++) scores[i] /= sum;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Gather<T, TNumbers>(in QueryAttentionInput all, float* weights, T* values, float* output)
        where T : unmanaged
        where TNumbers : IStoredNumbers<T>
    {
        int width = all.Width, i = 0;
        for (; i <= width - 64; i += 64)
        {
            Vector512<float> first = default, second = default, third = default, fourth = default;
            T* value = values + i;
            for (int key = 0; key < all.Count; key++, value += width)
            {
                Vector512<float> weight = Vector512.Create(weights[key]);
                first = Vector512.FusedMultiplyAdd(TNumbers.Load(value), weight, first);
                second = Vector512.FusedMultiplyAdd(TNumbers.Load(value + 16), weight, second);
                third = Vector512.FusedMultiplyAdd(TNumbers.Load(value + 32), weight, third);
                fourth = Vector512.FusedMultiplyAdd(TNumbers.Load(value + 48), weight, fourth);
            }
            first.Store(output + i);
            second.Store(output + i + 16);
            third.Store(output + i + 32);
            fourth.Store(output + i + 48);
        }
        for (; i <= width - 16; i += 16)
        {
            Vector512<float> sum = default;
            T* value = values + i;
            for (int key = 0; key < all.Count; key++, value += width)
            {
                sum = Vector512.FusedMultiplyAdd(TNumbers.Load(value), Vector512.Create(weights[key]), sum);
            }
            sum.Store(output + i);
        }
        for (; i < width; i++)
        {
            float sum = 0;
            for (int key = 0; key < all.Count; key++) sum += weights[key] * TNumbers.Read(values[((long)key * width) + i]);
            output[i] = sum;
        }
    }
}
