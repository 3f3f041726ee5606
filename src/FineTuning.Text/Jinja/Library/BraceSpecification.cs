using System.Globalization;
using System.Numerics;
using System.Text.RegularExpressions;

namespace FineTuning.Text.Jinja;

/// <summary>What follows the colon of a format: fill, alignment, sign, width, grouping, precision, type.</summary>
internal static partial class BraceSpecification
{
    private const int LargestPrecision = 1000;

    public static string Apply(RenderState state, object value, string specification)
    {
        if (specification.Length == 0) return Printing.Text(state, value);
        Match match = Grammar().Match(specification);
        if (!match.Success) throw new TemplateFault("a format specification cannot be read");
        string align = match.Groups["align"].Value, fill = match.Groups["fill"].Value, type = match.Groups["type"].Value;
        bool zero = match.Groups["zero"].Length > 0, isNumber = Kinds.IsNumber(value) && !(value is bool && type.Length == 0);
        int width = Number(match.Groups["width"].Value), precision = match.Groups["precision"].Success ? Number(match.Groups["precision"].Value) : -1;
        if (precision > LargestPrecision && isNumber)
            throw new TemplateFault($"a format with a precision of {precision}; at most {LargestPrecision} are supported");
        if (fill.Length == 0) fill = zero && isNumber ? "0" : " ";
        (string sign, string text) = isNumber ? OfNumber(value, match, type, precision) : ("", OfText(state, value, type, precision));
        if (align.Length == 0) align = isNumber ? zero ? "=" : ">" : "<";
        int missing = width - CodePoints.Count(text) - sign.Length;
        if (missing <= 0) return sign + text;
        state.Budget.Allocate((long)missing * fill.Length);
        string Fill(int count) => string.Concat(Enumerable.Repeat(fill, count));
        return align switch
        {
            "<" => sign + text + Fill(missing),
            ">" => Fill(missing) + sign + text,
            "^" => Fill(missing / 2) + sign + text + Fill(missing - (missing / 2)),
            _ => isNumber ? sign + Fill(missing) + text : throw new TemplateFault("'=' aligns numbers only"),
        };
    }

    [GeneratedRegex(
        @"^(?:(?<fill>.)?(?<align>[<>=^]))?(?<sign>[-+ ])?(?<alternate>#)?(?<zero>0)?(?<width>\d+)?"
        + @"(?<group>[,_])?(?:\.(?<precision>\d+))?(?<type>[bcdeEfFgGnosxX%])?$",
        RegexOptions.Singleline | RegexOptions.NonBacktracking)]
    private static partial Regex Grammar();

    private static int Number(string digits) => digits.Length == 0 ? 0
        : (int)BigInteger.Min(int.MaxValue / 2, BigInteger.Parse(digits.Length > 20 ? "99999999999" : digits, CultureInfo.InvariantCulture));

    private static string OfText(RenderState state, object value, string type, int precision)
    {
        if (type is not ("" or "s")) throw new TemplateFault($"the format type '{type}' does not fit a value of kind {Kinds.Of(value)}");
        if (Kinds.Text(value) is null && value is not bool) throw new TemplateFault($"a value of kind {Kinds.Of(value)} takes no format specification");
        string text = Printing.Text(state, value);
        return precision >= 0 && CodePoints.Count(text) > precision ? text[..CodePoints.Index(text, precision)] : text;
    }

    private static (string Sign, string Text) OfNumber(object value, Match match, string type, int precision)
    {
        string group = match.Groups["group"].Value, prefix = "";
        string text;
        bool negative;
        if (value is double || type is "e" or "E" or "f" or "F" or "g" or "G" or "%")
        {
            double number = Arithmetic.Float(value);
            negative = double.IsNegative(number) && !double.IsNaN(number);
            text = type switch
            {
                "" when precision < 0 => Floats.Print(Math.Abs(number)),
                "%" => NumberFormat.Of(number * 100, 'f', precision < 0 ? 6 : precision) + "%",
                "" or "n" => NumberFormat.Of(number, 'g', precision < 0 ? 6 : precision),
                "e" or "E" or "f" or "F" or "g" or "G" => NumberFormat.Of(number, type[0], precision < 0 ? 6 : precision),
                _ => throw new TemplateFault($"the format type '{type}' does not fit a floating-point number"),
            };
        }
        else
        {
            if (precision >= 0 || type == "s") throw new TemplateFault("an integer takes neither a precision nor the type 's'");
            BigInteger whole = Integers.From(value)!.Value;
            negative = whole.Sign < 0;
            text = PercentFormat.InBase(BigInteger.Abs(whole), type.Length == 0 ? 'd' : type[0]);
            if (type == "c") throw new TemplateFault("the format type 'c' is not supported in chat templates");
            if (match.Groups["alternate"].Length > 0) prefix = type switch { "x" => "0x", "X" => "0X", "o" => "0o", "b" => "0b", _ => "" };
        }
        if (group.Length > 0) text = Grouped(text, group, type is "x" or "X" or "o" or "b" ? 4 : 3);
        string sign = negative ? "-" : match.Groups["sign"].Value.Replace("-", "", StringComparison.Ordinal);
        return (sign + prefix, text);
    }

    private static string Grouped(string text, string separator, int size)
    {
        int end = text.AsSpan().IndexOfAny('.', 'e', '%') is >= 0 and var mark && size == 3 ? mark : text.Length;
        for (int at = end - size; at > 0; at -= size) text = text.Insert(at, separator);
        return text;
    }
}
