using System.Globalization;
using System.Numerics;

namespace FineTuning.Text.Jinja;

/// <summary>Floating-point numbers as Python prints, reads and rounds them.</summary>
internal static class Floats
{
    /// <summary>The shortest digits that give the number again; exponents from 1e16 and below 1e-4.</summary>
    public static string Print(double value)
    {
        if (double.IsNaN(value)) return "nan";
        if (double.IsInfinity(value)) return value > 0 ? "inf" : "-inf";
        if (value == 0) return double.IsNegative(value) ? "-0.0" : "0.0";
        (string digits, int exponent) = Parts(value.ToString("R", CultureInfo.InvariantCulture));
        string sign = value < 0 ? "-" : "";
        if (exponent is < -4 or >= 16)
        {
            string mantissa = digits.Length == 1 ? digits : $"{digits[0]}.{digits[1..]}";
            return $"{sign}{mantissa}e{(exponent < 0 ? '-' : '+')}{Math.Abs(exponent):00}";
        }
        if (exponent < 0) return $"{sign}0.{new string('0', -exponent - 1)}{digits}";
        return digits.Length <= exponent + 1 ? $"{sign}{digits.PadRight(exponent + 1, '0')}.0" : $"{sign}{digits[..(exponent + 1)]}.{digits[(exponent + 1)..]}";
    }

    /// <summary>As float() reads text; null: it is no number.</summary>
    public static double? Parse(string text)
    {
        string trimmed = text[..WhiteSpace.TrimmedEnd(text)];
        return ParseTrimmed(trimmed[WhiteSpace.TrimmedStart(trimmed)..]);
    }

    /// <summary>Rounded to decimals (which may be negative), ties to even, as the number's exact value says.</summary>
    public static double Round(double value, int decimals)
    {
        if (!double.IsFinite(value) || value == 0 || decimals > 400) return value;
        if (decimals < -400) return Math.CopySign(0, value);
        (BigInteger digits, int scale) = Exact(Math.Abs(value));
        BigInteger rounded = RoundTo(digits, scale, decimals);
        double result = double.Parse($"{rounded}E{(-decimals).ToString(CultureInfo.InvariantCulture)}", NumberStyles.Float, CultureInfo.InvariantCulture);
        return double.IsInfinity(result) ? throw new TemplateFault("the rounded number is too large for a floating-point number")
            : Math.CopySign(result, value);
    }

    /// <summary>A number as digits / 10^scale, exactly.</summary>
    public static (BigInteger Digits, int Scale) Exact(double value)
    {
        long bits = BitConverter.DoubleToInt64Bits(Math.Abs(value));
        int exponent = (int)(bits >> 52);
        BigInteger mantissa = (bits & 0xFFFFFFFFFFFFFL) | (exponent == 0 ? 0 : 1L << 52);
        exponent = Math.Max(exponent, 1) - 1075;
        return exponent >= 0 ? (mantissa << exponent, 0) : (mantissa * BigInteger.Pow(5, -exponent), -exponent);
    }

    /// <summary>digits / 10^scale in units of 10^-decimals, ties to even.</summary>
    public static BigInteger RoundTo(BigInteger digits, int scale, int decimals)
    {
        if (decimals >= scale) return digits * BigInteger.Pow(10, decimals - scale);
        BigInteger unit = BigInteger.Pow(10, scale - decimals);
        BigInteger whole = BigInteger.DivRem(digits, unit, out BigInteger rest);
        int side = (rest * 2).CompareTo(unit);
        return side > 0 || (side == 0 && !whole.IsEven) ? whole + 1 : whole;
    }

    private static double? ParseTrimmed(string text)
    {
        int start = text.Length > 0 && text[0] is '+' or '-' ? 1 : 0;
        string name = text[start..].ToLowerInvariant();
        if (name is "inf" or "infinity") return text[0] == '-' ? double.NegativeInfinity : double.PositiveInfinity;
        if (name == "nan") return double.NaN;
        for (int i = 0; i < text.Length; i++)
        {
            if (text[i] == '_' ? i == 0 || i + 1 == text.Length || !char.IsAsciiDigit(text[i - 1]) || !char.IsAsciiDigit(text[i + 1])
                : !char.IsAsciiDigit(text[i]) && !"+-.eE".Contains(text[i], StringComparison.Ordinal))
                return null;
        }
        const NumberStyles style = NumberStyles.AllowLeadingSign | NumberStyles.AllowDecimalPoint | NumberStyles.AllowExponent;
        return double.TryParse(text.Replace("_", "", StringComparison.Ordinal), style, CultureInfo.InvariantCulture, out double value) ? value : null;
    }

    // 1.25E-07, 0.001, 120: the digits without zeros at either end, and the exponent of the first.
    private static (string Digits, int Exponent) Parts(string text)
    {
        text = text.TrimStart('-');
        int mark = text.IndexOf('E', StringComparison.Ordinal);
        int exponent = mark < 0 ? 0 : int.Parse(text.AsSpan(mark + 1), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture);
        string mantissa = mark < 0 ? text : text[..mark];
        int point = mantissa.IndexOf('.', StringComparison.Ordinal);
        string all = mantissa.Replace(".", "", StringComparison.Ordinal);
        string digits = all.TrimStart('0');
        exponent += (point < 0 ? mantissa.Length : point) - 1 - (all.Length - digits.Length);
        return (digits.TrimEnd('0') is { Length: > 0 } trimmed ? trimmed : "0", exponent);
    }
}
