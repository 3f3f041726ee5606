using System.Globalization;
using System.Numerics;

namespace FineTuning.Text.Jinja;

/// <summary>abs, int, float, round and sum.</summary>
internal static class NumberFilters
{
    public static IReadOnlyDictionary<string, TemplateFilter> All { get; } = new Dictionary<string, TemplateFilter>(StringComparer.Ordinal)
    {
        ["abs"] = (_, value, arguments) => Absolute(value, arguments),
        ["int"] = (_, value, arguments) => ToInteger(value, arguments),
        ["float"] = (_, value, arguments) => ToFloat(value, arguments),
        ["round"] = (_, value, arguments) => Round(value, arguments),
        ["sum"] = Sum,
    };

    private static object Absolute(object value, Arguments arguments)
    {
        arguments.Bind("abs", 0);
        return value is double number ? Math.Abs(number) : Integers.From(value) is { } whole ? Integers.Of(BigInteger.Abs(whole))
            : throw new TemplateFault($"abs was given a value of kind {Kinds.Of(value)}");
    }

    private static object ToInteger(object value, Arguments arguments)
    {
        object?[] given = arguments.Bind("int", 0, "default", "base");
        object otherwise = given[0] ?? 0L;
        if (value is UndefinedValue undefined) throw undefined.Fault();
        if (Kinds.Text(value) is { } text)
        {
            int radix = given[1] is { } stated ? Integers.Small(stated, "the base of int") : 10;
            if (ParseInteger(text[..WhiteSpace.TrimmedEnd(text)], radix) is { } parsed) return parsed;
            return Floats.Parse(text) is { } number && double.IsFinite(number) ? Integers.Of(new BigInteger(Math.Truncate(number))) : otherwise;
        }
        if (value is double infinite && double.IsInfinity(infinite)) throw new TemplateFault("int was given infinity");
        return value is double broken ? double.IsNaN(broken) ? otherwise : Integers.Of(new BigInteger(Math.Truncate(broken)))
            : Integers.From(value) is { } whole ? Integers.Of(whole) : otherwise;
    }

    private static object? ParseInteger(string text, int radix)
    {
        text = text[WhiteSpace.TrimmedStart(text)..];
        bool negative = text.StartsWith('-');
        if (negative || text.StartsWith('+')) text = text[1..];
        string prefix = text.Length > 1 ? text[..2].ToLowerInvariant() : "";
        int stated = prefix switch { "0x" => 16, "0o" => 8, "0b" => 2, _ => 0 };
        if (stated != 0 && (radix == stated || radix == 0)) (text, radix) = (text[2..].StartsWith('_') ? text[3..] : text[2..], stated);
        if (radix == 0) radix = 10;
        if (text.Length is 0 or > 4300 || radix is < 2 or > 36 || text[0] == '_' || text[^1] == '_' || text.Contains("__", StringComparison.Ordinal))
            return null;
        BigInteger value = BigInteger.Zero;
        string digits = text.Replace("_", "", StringComparison.Ordinal);
        if (radix == 10)
        {
            if (digits.Any(digit => !char.IsAsciiDigit(digit))) return null;
            value = BigInteger.Parse(digits, NumberStyles.None, CultureInfo.InvariantCulture);
        }
        else
        {
            foreach (char digit in digits)
            {
                int number = char.IsAsciiDigit(digit) ? digit - '0' : char.IsAsciiLetter(digit) ? char.ToLowerInvariant(digit) - 'a' + 10 : 36;
                if (number >= radix) return null;
                value = (value * radix) + number;
            }
        }
        return Integers.Of(negative ? -value : value);
    }

    private static object ToFloat(object value, Arguments arguments)
    {
        object otherwise = arguments.Bind("float", 0, "default")[0] ?? 0.0;
        return value switch
        {
            UndefinedValue undefined => throw undefined.Fault(),
            double number => number,
            _ when Integers.From(value) is { } whole => Integers.ToDouble(whole),
            _ when Kinds.Text(value) is { } text => Floats.Parse(text) ?? otherwise,
            _ => otherwise,
        };
    }

    private static object Round(object value, Arguments arguments)
    {
        object?[] given = arguments.Bind("round", 0, "precision", "method");
        int precision = given[0] is { } stated ? Integers.Small(stated, "the precision of round") : 0;
        string method = given[1] is null ? "common" : Kinds.Text(given[1]!) ?? "";
        if (method is not ("common" or "ceil" or "floor")) throw new TemplateFault("the method of round must be common, ceil or floor");
        if (!Kinds.IsNumber(value)) throw new TemplateFault($"round was given a value of kind {Kinds.Of(value)}");
        if (method == "common")
        {
            if (value is double number) return Floats.Round(number, precision);
            BigInteger whole = Integers.From(value)!.Value;
            if (precision >= 0) return Integers.Of(whole);
            if (precision < -20000) return 0L;
            return Integers.Of(Floats.RoundTo(BigInteger.Abs(whole), 0, precision) * whole.Sign * BigInteger.Pow(10, -precision));
        }
        if (Math.Abs((long)precision) > 300) throw new TemplateFault($"round to {precision} positions; at most 300 are supported with ceil and floor");
        double factor = Math.Pow(10, precision), scaled = Arithmetic.Float(value) * factor;
        if (!double.IsFinite(scaled)) throw new TemplateFault("round was given a number that is too large");
        return (method == "ceil" ? Math.Ceiling(scaled) : Math.Floor(scaled)) / factor + 0.0;
    }

    private static object Sum(RenderState state, object value, Arguments arguments)
    {
        object?[] given = arguments.Bind("sum", 0, "attribute", "start");
        object sum = given[1] ?? 0L;
        Func<object, object> key = SelectionFilters.Getter(given[0]);
        if (Kinds.Text(sum) is not null) throw new TemplateFault("sum cannot add texts; use join");
        foreach (object item in Kinds.Iterate(state, value)) sum = Arithmetic.Apply(state, "+", sum, key(item));
        return sum;
    }
}
