using System.Numerics;
using FineTuning.Errors;

namespace FineTuning.Generation;

/// <summary>Sums over a row of scores, in the machine's vectors; sums are kept in double precision, so that the vocabulary's size costs no digits.</summary>
internal static class ScoreMath
{
    /// <summary>The largest score; NaN where one is NaN.</summary>
    public static float Max(ReadOnlySpan<float> scores)
    {
        int i = 0;
        float most = float.NegativeInfinity;
        if (scores.Length >= Vector<float>.Count)
        {
            var best = new Vector<float>(scores);
            int step = Vector<float>.Count;
            for (i = step; i <= scores.Length - step; i += step) best = Vector.Max(best, new Vector<float>(scores[i..]));
            for (int lane = 0; lane < Vector<float>.Count; lane++) most = MathF.Max(most, best[lane]);
        }
        for (; i < scores.Length; i++) most = MathF.Max(most, scores[i]);
        return most;
    }

    /// <summary>The first of the largest scores; 0 where all are minus infinity.</summary>
    /// <exception cref="FineTuningException">A score is no number.</exception>
    public static int ArgMax(ReadOnlySpan<float> scores)
    {
        float most = Max(scores);
        if (float.IsNaN(most)) throw NotANumber();
        return Math.Max(0, scores.IndexOf(most));
    }

    /// <summary>ln sum exp: the most, and the logarithm of the sum without it.</summary>
    /// <exception cref="FineTuningException">A score is no number, or there is none above minus infinity.</exception>
    public static double LogSumExp(ReadOnlySpan<float> scores)
    {
        float most = Max(scores);
        if (float.IsNaN(most) || float.IsPositiveInfinity(most)) throw NotANumber();
        if (float.IsNegativeInfinity(most))
        {
            throw new FineTuningException("no token is left to choose from: the rules of the options contradict each other here; take one away, or allow " +
                "the end token");
        }
        return most + Math.Log(SumExp(scores, most));
    }

    /// <summary>Subtracts ln sum exp from each score.</summary>
    public static void LogSoftmax(Span<float> scores) => Subtract(scores, LogSumExp(scores));

    /// <summary>Repeats each row in place: row i of the first <paramref name="count"/> becomes the rows from i * <paramref name="copies"/> on.</summary>
    public static void Repeat(Span<float> scores, int count, int copies, int size)
    {
        // From the end: a row moves only where all rows behind it have moved.
        for (int row = (count * copies) - 1; row > 0; row--) scores.Slice(row / copies * size, size).CopyTo(scores.Slice(row * size, size));
    }

    private static void Subtract(Span<float> scores, double number)
    {
        // The difference is taken in double precision and rounded once.
        for (int i = 0; i < scores.Length; i++) scores[i] = (float)(scores[i] - number);
    }

    private static double SumExp(ReadOnlySpan<float> scores, float most)
    {
        int i = 0;
        double sum = 0;
        var offset = new Vector<float>(most);
        Vector<double> low = Vector<double>.Zero, high = Vector<double>.Zero;
        for (; i <= scores.Length - Vector<float>.Count; i += Vector<float>.Count)
        {
            Vector.Widen(Vector.Exp(new Vector<float>(scores[i..]) - offset), out Vector<double> first, out Vector<double> second);
            low += first;
            high += second;
        }
        sum += Vector.Sum(low) + Vector.Sum(high);
        for (; i < scores.Length; i++) sum += MathF.Exp(scores[i] - most);
        return sum;
    }

    private static FineTuningException NotANumber() =>
        new("the model gave a score that is no number (NaN or infinite): its weights, or the precision they are computed in, do not hold; set " +
            "RemoveInvalidValues to go on nevertheless");
}
