namespace FineTuning.Models;

/// <summary>The tables of numbers that codes stand for, as bitsandbytes has them.</summary>
internal static class QuantizationCodes
{
    /// <summary>NF4 (Dettmers et al. 2023, appendix E).</summary>
    public static float[] NormalFloat4 { get; } =
    [
        -1, -0.6961928009986877f, -0.5250730514526367f, -0.39491748809814453f, -0.28444138169288635f, -0.18477343022823334f, -0.09105003625154495f, 0,
        0.07958029955625534f, 0.16093020141124725f, 0.24611230194568634f, 0.33791524171829224f, 0.44070982933044434f, 0.5626170039176941f,
        0.7229568362236023f, 1,
    ];

    /// <summary>FP4: a sign, two bits of exponent, one of mantissa.</summary>
    public static float[] Float4 { get; } =
    [
        0, 0.0052083334885537624f, 0.6666666865348816f, 1, 0.3333333432674408f, 0.5f, 0.1666666716337204f, 0.25f,
        0, -0.0052083334885537624f, -0.6666666865348816f, -1, -0.3333333432674408f, -0.5f, -0.1666666716337204f, -0.25f,
    ];

    /// <summary>256 numbers whose distances grow with them (Dettmers 2016, dynamic tree quantisation).</summary>
    public static float[] Dynamic { get; } = MakeDynamic();

    public static float[] Of(QuantizationKind kind) => kind == QuantizationKind.Float4 ? Float4 : NormalFloat4;

    private static float[] MakeDynamic()
    {
        var all = new List<float> { 0, 1 };
        for (int i = 0; i < 7; i++)
        {
            int steps = 1 << i;
            float step = 0.9f / steps, scale = (float)Math.Pow(10, i - 6);
            // Boundaries from 0.1 to 1, counted from the nearer end and rounded once, as torch does.
            float Boundary(int at) => at < (steps + 1) / 2 ? MathF.FusedMultiplyAdd(step, at, 0.1f) : MathF.FusedMultiplyAdd(-step, steps - at, 1);
            for (int at = 0; at < steps; at++)
            {
                float value = (Boundary(at) + Boundary(at + 1)) / 2 * scale;
                all.Add(value);
                all.Add(-value);
            }
        }
        all.Sort();
        return [.. all];
    }
}

/// <summary>The code whose number is nearest; of two that are as near, the lower number's.</summary>
internal sealed class NearestCode
{
    private readonly byte[] _codes;
    private readonly float[] _middles;

    /// <param name="numbers">By code, in any order.</param>
    public NearestCode(float[] numbers)
    {
        _codes = [.. Enumerable.Range(0, numbers.Length).OrderBy(code => numbers[code]).Select(code => (byte)code)];
        _middles = [.. Enumerable.Range(0, numbers.Length - 1).Select(i => (numbers[_codes[i]] + numbers[_codes[i + 1]]) / 2)];
    }

    public byte Of(float value)
    {
        (int low, int high) = (0, _middles.Length);
        while (low < high)
        {
            int middle = (low + high) / 2;
            if (_middles[middle] < value) low = middle + 1;
            else high = middle;
        }
        return _codes[low];
    }

    /// <summary>The codes of numbers in blocks, each divided by its largest absolute value.</summary>
    /// <param name="values">Any count; the last block may be short.</param>
    /// <param name="blockSize">Numbers a block.</param>
    /// <param name="largest">Gets the largest of each block.</param>
    public byte[] OfBlocks(ReadOnlySpan<float> values, int blockSize, Span<float> largest)
    {
        var codes = new byte[values.Length];
        for (int block = 0; block < largest.Length; block++)
        {
            int start = block * blockSize, count = Math.Min(blockSize, values.Length - start);
            float most = 0;
            foreach (float value in values.Slice(start, count)) most = Math.Max(most, Math.Abs(value));
            largest[block] = most;
            float bounded = Math.Max(most, 1e-38f), inverse = 1 / bounded;
            // A short block is divided, a whole one multiplied by the inverse: the two round differently.
            for (int i = start; i < start + count; i++)
            {
                codes[i] = Of(count == blockSize ? Math.Clamp(values[i] * inverse, -1, 1) : values[i] / bounded);
            }
        }
        return codes;
    }
}
