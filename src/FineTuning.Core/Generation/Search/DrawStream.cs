using FineTuning.Tensors;

namespace FineTuning.Generation;

/// <summary>Random numbers of one generation: each is a pure function of (seed, row, step, index), never of a process-wide generator.</summary>
internal readonly struct DrawStream
{
    private readonly ulong _key;

    public DrawStream(long seed, int row, int step) =>
        _key = DropoutStream.Combine(DropoutStream.Combine(DropoutStream.Combine(0, (ulong)seed), (ulong)row), (ulong)step);

    /// <summary>Evenly distributed, from 0 to below 1.</summary>
    public double Uniform(int index = 0) => (DropoutStream.Combine(_key, (ulong)index) >> 11) * (1.0 / (1L << 53));

    /// <summary>
    /// From the standard Gumbel distribution: the index of the largest of log-probability + Gumbel is a draw, the k largest are k draws without replacement
    /// (Kool et al. 2019).
    /// </summary>
    public double Gumbel(int index)
    {
        double uniform = ((DropoutStream.Combine(_key, (ulong)index) >> 11) + 0.5) * (1.0 / (1L << 53));
        return -Math.Log(-Math.Log(uniform));
    }

    /// <summary>Draws a token by inverting the cumulative distribution.</summary>
    /// <param name="scores">Those of tokens that must not come are minus infinity.</param>
    /// <exception cref="Errors.FineTuningException">A score is no number, or there is none above minus infinity.</exception>
    public int Draw(ReadOnlySpan<float> scores)
    {
        double sum = ScoreMath.LogSumExp(scores), left = Uniform();
        int last = 0;
        for (int i = 0; i < scores.Length; i++)
        {
            if (float.IsNegativeInfinity(scores[i])) continue;
            last = i;
            left -= Math.Exp(scores[i] - sum);
            if (left < 0) return i;
        }
        // The probabilities add up to 1 but for rounding.
        return last;
    }
}
