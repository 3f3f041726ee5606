using System.Globalization;
using System.Numerics;

namespace FineTuning.Text.Jinja;

/// <summary>Floating-point numbers with a stated number of digits, rounded as their exact value says, ties to even.</summary>
internal static class NumberFormat
{
    /// <summary>Formats the absolute value of a number by e, f or g (in either case).</summary>
    /// <param name="value">The number; its sign is the caller's.</param>
    /// <param name="type">e, E, f, F, g or G.</param>
    /// <param name="precision">Digits behind the point, or, with g, in all.</param>
    /// <param name="alternate">Whether g keeps its zeros.</param>
    public static string Of(double value, char type, int precision, bool alternate = false)
    {
        bool upper = char.IsUpper(type);
        string text = char.ToLowerInvariant(type) switch
        {
            _ when double.IsNaN(value) => "nan",
            _ when double.IsInfinity(value) => "inf",
            'f' => Fixed(value, precision),
            'e' => Scientific(value, precision),
            _ => General(value, Math.Max(1, precision), alternate),
        };
        return upper ? text.ToUpperInvariant() : text;
    }

    private static string Fixed(double value, int precision)
    {
        (BigInteger digits, int scale) = Floats.Exact(value);
        return WithPoint(Floats.RoundTo(digits, scale, precision), precision);
    }

    private static string WithPoint(BigInteger units, int precision)
    {
        string text = units.ToString(CultureInfo.InvariantCulture).PadLeft(precision + 1, '0');
        return precision == 0 ? text : $"{text[..^precision]}.{text[^precision..]}";
    }

    private static (string Digits, int Exponent) Rounded(double value, int digits)
    {
        if (value == 0) return (new string('0', digits), 0);
        (BigInteger all, int scale) = Floats.Exact(value);
        int exponent = all.ToString(CultureInfo.InvariantCulture).Length - 1 - scale;
        string text = Floats.RoundTo(all, scale, digits - 1 - exponent).ToString(CultureInfo.InvariantCulture);
        return text.Length > digits ? (text[..digits], exponent + 1) : (text, exponent);
    }

    private static string Scientific(double value, int precision)
    {
        (string digits, int exponent) = Rounded(value, precision + 1);
        return $"{digits[0]}{(precision > 0 ? "." : "")}{digits[1..]}e{(exponent < 0 ? '-' : '+')}{Math.Abs(exponent):00}";
    }

    private static string General(double value, int precision, bool alternate)
    {
        (string digits, int exponent) = Rounded(value, precision);
        if (!alternate) digits = digits.TrimEnd('0') is { Length: > 0 } trimmed ? trimmed : "0";
        if (exponent < -4 || exponent >= precision)
            return $"{digits[0]}{(digits.Length > 1 ? "." : "")}{digits[1..]}e{(exponent < 0 ? '-' : '+')}{Math.Abs(exponent):00}";
        if (exponent < 0) return $"0.{new string('0', -exponent - 1)}{digits}";
        return digits.Length <= exponent + 1 ? digits.PadRight(exponent + 1, '0') : $"{digits[..(exponent + 1)]}.{digits[(exponent + 1)..]}";
    }
}
