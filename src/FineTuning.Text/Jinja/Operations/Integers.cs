using System.Globalization;
using System.Numerics;

namespace FineTuning.Text.Jinja;

/// <summary>Integers of any size, kept as long where they fit; and floating-point numbers made of them, rounded correctly.</summary>
internal static class Integers
{
    private const int MostDigits = 4300;

    public static object Of(BigInteger value)
    {
        if (value >= long.MinValue && value <= long.MaxValue) return (long)value;
        return value.GetBitLength() <= Budget.LargestInteger ? value : throw new TemplateFault($"an integer has more than {Budget.LargestInteger} bits");
    }

    /// <summary>The integer of a value (true counts 1); null: it is none.</summary>
    public static BigInteger? From(object value) => value switch
    {
        bool truth => truth ? BigInteger.One : BigInteger.Zero,
        long number => number,
        BigInteger number => number,
        _ => null,
    };

    /// <summary>An integer that is a count or an index, held within the range of int.</summary>
    public static int Small(object value, string what)
    {
        BigInteger number = From(value) ?? throw (value is UndefinedValue undefined ? undefined.Fault()
            : new TemplateFault($"{what} is a value of kind {Kinds.Of(value)}; an integer was expected"));
        return (int)BigInteger.Clamp(number, int.MinValue, int.MaxValue);
    }

    public static string Print(BigInteger value)
    {
        // A digit takes more than three bits, so that what is far too long is never converted.
        if (value.GetBitLength() < MostDigits * 3 || BigInteger.Abs(value) < BigInteger.Pow(10, MostDigits))
            return value.ToString(CultureInfo.InvariantCulture);
        throw new TemplateFault($"an integer of more than {MostDigits:N0} digits cannot be printed");
    }

    public static double ToDouble(BigInteger value)
    {
        if (BigInteger.Abs(value) <= 1L << 53) return (double)value;
        double result = Scaled(BigInteger.Abs(value), 0);
        if (double.IsInfinity(result)) throw new TemplateFault("an integer is too large for a floating-point number");
        return value.Sign < 0 ? -result : result;
    }

    public static double Divide(BigInteger left, BigInteger right)
    {
        if (right.IsZero) throw new TemplateFault("division by zero");
        (BigInteger top, BigInteger bottom) = (BigInteger.Abs(left), BigInteger.Abs(right));
        if (top <= 1L << 53 && bottom <= 1L << 53) return (double)left / (double)right;
        // Enough bits that the last one can say whether anything was left over.
        int shift = (int)Math.Max(0, 70 - (top.GetBitLength() - bottom.GetBitLength()));
        BigInteger quotient = BigInteger.DivRem(top << shift, bottom, out BigInteger rest);
        double result = Scaled(rest.IsZero ? quotient : (quotient << 1) | 1, rest.IsZero ? shift : shift + 1);
        if (double.IsInfinity(result)) throw new TemplateFault("the quotient is too large for a floating-point number");
        return left.Sign * right.Sign < 0 ? -result : result;
    }

    // value / 2^shift, to the nearest double, ties to even.
    private static double Scaled(BigInteger value, int shift)
    {
        int excess = (int)Math.Max(0, value.GetBitLength() - 64);
        var high = (ulong)(value >> excess);
        if (excess > 0 && !(value & ((BigInteger.One << excess) - 1)).IsZero) high |= 1;
        return Math.ScaleB((double)high, excess - shift);
    }
}
