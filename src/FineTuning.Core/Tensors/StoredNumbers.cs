using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace FineTuning.Tensors;

/// <summary>How numbers of a type are read into float32 and written from it.</summary>
/// <typeparam name="T">The type in memory.</typeparam>
internal unsafe interface IStoredNumbers<T>
    where T : unmanaged
{
    /// <summary>Sixteen numbers in their order.</summary>
    static abstract Vector512<float> Load(T* source);

    /// <summary>Writes sixteen numbers, rounded to the nearest.</summary>
    static abstract void Store(Vector512<float> values, T* target);

    /// <summary>One number.</summary>
    static abstract float Read(T value);

    /// <summary>One number, rounded to the nearest.</summary>
    static abstract T Write(float value);
}

/// <summary>float32.</summary>
internal readonly unsafe struct SingleNumbers : IStoredNumbers<float>
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Load(float* source) => Vector512.Load(source);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(Vector512<float> values, float* target) => values.Store(target);

    public static float Read(float value) => value;

    public static float Write(float value) => value;
}

/// <summary>bfloat16: the upper half of a float32.</summary>
internal readonly unsafe struct BrainNumbers : IStoredNumbers<ushort>
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Load(ushort* source)
    {
        (Vector256<uint> lower, Vector256<uint> upper) = Vector256.Widen(Vector256.Load(source));
        return (Vector512.Create(lower, upper) << 16).AsSingle();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(Vector512<float> values, ushort* target)
    {
        Vector512<uint> bits = values.AsUInt32(), even = (bits >>> 16) & Vector512.Create(1u);
        Vector512<uint> rounded = (bits + Vector512.Create(0x7FFFu) + even) >>> 16;
        rounded = Vector512.ConditionalSelect(Vector512.Equals(values, values).AsUInt32(), rounded, Vector512.Create(0x7FC0u));
        Vector256.Narrow(rounded.GetLower(), rounded.GetUpper()).Store(target);
    }

    public static float Read(ushort value) => BitConverter.UInt32BitsToSingle((uint)value << 16);

    public static ushort Write(float value)
    {
        uint bits = BitConverter.SingleToUInt32Bits(value);
        // Ties go to the even number, as in torch; what is no number stays so.
        return float.IsNaN(value) ? (ushort)0x7FC0 : (ushort)((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16);
    }
}
