using System.Numerics;

namespace FineTuning.Generation;

/// <summary>Memory that the filters of a generation share, so that none is asked for by the token.</summary>
internal sealed class FilterScratch(int vocabularySize)
{
    public float[] Keys { get; } = new float[vocabularySize];

    public int[] Ids { get; } = new int[vocabularySize];

    /// <summary>The k-th largest score; minus infinity where there are fewer.</summary>
    /// <param name="scores">Numbers.</param>
    /// <param name="k">1 or more.</param>
    public float Largest(ReadOnlySpan<float> scores, int k)
    {
        if (k >= scores.Length) return float.NegativeInfinity;
        if (k == 1) return ScoreMath.Max(scores);
        // The k largest so far are a heap with the least of them in front.
        Span<float> heap = Keys.AsSpan(0, k);
        scores[..k].CopyTo(heap);
        heap.Sort();
        for (int i = k; i < scores.Length; i++)
        {
            // Most scores are below those that are kept: many are passed over at once.
            int step = Vector<float>.Count;
            while (i <= scores.Length - step && !Vector.GreaterThanAny(new Vector<float>(scores[i..]), new Vector<float>(heap[0]))) i += step;
            if (i < scores.Length && scores[i] > heap[0]) Sink(heap, scores[i]);
        }
        return heap[0];
    }

    /// <summary>Puts the ids of the scores from a limit up, the largest first, into <see cref="Ids"/>.</summary>
    /// <returns>How many there are.</returns>
    public int Descending(ReadOnlySpan<float> scores, float limit)
    {
        int count = 0;
        for (int i = 0; i < scores.Length; i++)
        {
            if (scores[i] < limit || float.IsNegativeInfinity(scores[i])) continue;
            Keys[count] = -scores[i];
            Ids[count++] = i;
        }
        Keys.AsSpan(0, count).Sort(Ids.AsSpan(0, count));
        return count;
    }

    private static void Sink(Span<float> heap, float value)
    {
        int at = 0;
        while ((2 * at) + 1 < heap.Length)
        {
            int child = (2 * at) + 1;
            if (child + 1 < heap.Length && heap[child + 1] < heap[child]) child++;
            if (heap[child] >= value) break;
            heap[at] = heap[child];
            at = child;
        }
        heap[at] = value;
    }
}
