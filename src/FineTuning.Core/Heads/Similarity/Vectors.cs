using System.Numerics;
using System.Runtime.InteropServices;

namespace FineTuning.Heads;

/// <summary>Numbers of vectors on the managed side.</summary>
public static class Vectors
{
    /// <summary>The cosine of two vectors, from -1 to 1; 0 where one of them is all zeros.</summary>
    /// <param name="first">A vector.</param>
    /// <param name="second">One as long.</param>
    public static double Cosine(ReadOnlySpan<float> first, ReadOnlySpan<float> second)
    {
        double lengths = Math.Sqrt(Dot(first, first)) * Math.Sqrt(Dot(second, second));
        return lengths == 0 ? 0 : Math.Clamp(Dot(first, second) / lengths, -1, 1);
    }

    /// <summary>The dot product of two vectors.</summary>
    /// <param name="first">A vector.</param>
    /// <param name="second">One as long.</param>
    /// <exception cref="ArgumentException">They are not equally long.</exception>
    public static double Dot(ReadOnlySpan<float> first, ReadOnlySpan<float> second)
    {
        if (first.Length != second.Length) throw new ArgumentException($"vectors of {first.Length} and {second.Length} numbers", nameof(second));
        ReadOnlySpan<Vector<float>> left = MemoryMarshal.Cast<float, Vector<float>>(first), right = MemoryMarshal.Cast<float, Vector<float>>(second);
        Vector<float> sums = Vector<float>.Zero;
        for (int i = 0; i < left.Length; i++) sums += left[i] * right[i];
        double sum = Vector.Sum(sums);
        for (int i = left.Length * Vector<float>.Count; i < first.Length; i++) sum += (double)first[i] * second[i];
        return sum;
    }
}
