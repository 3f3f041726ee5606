using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace FineTuning.Tensors;

/// <summary>The exponential function of sixteen float32 numbers in float32 alone; the framework's goes by way of double, at more than twice the time.</summary>
internal static class Exponential
{
    // Beyond these the result is 0, or as large as it may be: the power of two is put together from its bits, and must be a normal number.
    private const float Lowest = -87.3f, Highest = 88.3f;

    // What is left of ln 2 in float32.
    private const float Logarithm = 0.6931472f, Rest = -1.9046543e-9f;

    /// <summary>e^x = 2^n e^r with |r| up to half of ln 2; e^r by its Taylor series up to r^7, which leaves out less than a float32 can tell.</summary>
    /// <returns>0 below -87.3, and e^88.3 above 88.3; what is no number stays so.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Of(Vector512<float> x)
    {
        // Of two numbers that cannot be compared the second is taken.
        Vector512<float> within = Vector512.MinNative(Vector512.Create(Highest), Vector512.MaxNative(Vector512.Create(Lowest), x));
        Vector512<float> power = Vector512.Round(within * 1.44269504f);
        Vector512<float> r = Vector512.FusedMultiplyAdd(power, Vector512.Create(-Logarithm), within);
        r = Vector512.FusedMultiplyAdd(power, Vector512.Create(-Rest), r);
        Vector512<float> sum = Vector512.Create(1 / 5040f);
        sum = Vector512.FusedMultiplyAdd(sum, r, Vector512.Create(1 / 720f));
        sum = Vector512.FusedMultiplyAdd(sum, r, Vector512.Create(1 / 120f));
        sum = Vector512.FusedMultiplyAdd(sum, r, Vector512.Create(1 / 24f));
        sum = Vector512.FusedMultiplyAdd(sum, r, Vector512.Create(1 / 6f));
        sum = Vector512.FusedMultiplyAdd(sum, r, Vector512.Create(0.5f));
        sum = Vector512.FusedMultiplyAdd(sum, r, Vector512<float>.One);
        sum = Vector512.FusedMultiplyAdd(sum, r, Vector512<float>.One);
        Vector512<float> result = ((Vector512.ConvertToInt32Native(power) << 23) + sum.AsInt32()).AsSingle();
        return Vector512.ConditionalSelect(Vector512.LessThan(x, Vector512.Create(Lowest)), Vector512<float>.Zero, result);
    }
}
