using System.Globalization;
using System.Numerics;
using System.Text;

namespace FineTuning.Text.Jinja;

/// <summary>'%s of %d' % (a, b), as Python formats.</summary>
internal sealed class PercentFormat
{
    private const int LargestPrecision = 1000;

    private readonly RenderState _state;
    private readonly string _format;
    private readonly object _values;
    private readonly bool _escape;
    private int _position, _used;

    private PercentFormat(RenderState state, string format, object values, bool escape) =>
        (_state, _format, _values, _escape) = (state, format, values, escape);

    public static string Apply(RenderState state, string format, object values, bool escape) => new PercentFormat(state, format, values, escape).Format();

    private string Format()
    {
        var text = new StringBuilder();
        while (_position < _format.Length)
        {
            char character = _format[_position++];
            string part = character == '%' ? Field() : character.ToString();
            _state.Budget.Allocate(part.Length);
            text.Append(part);
        }
        bool all = _values is TupleValue tuple ? _used >= tuple.Items.Count : _values is DictValue or ListValue || _used > 0;
        return all ? text.ToString() : throw new TemplateFault("more values were given than the format has positions for");
    }

    private string Field()
    {
        object? named = null;
        if (Peek == '(')
        {
            int end = _format.IndexOf(')', _position);
            if (end < 0 || _values is not DictValue dictionary) throw new TemplateFault("a format with names needs a dictionary");
            string name = _format[(_position + 1)..end];
            named = dictionary.Find(name) ?? throw new TemplateFault($"the format asks for '{name}', which the dictionary does not have");
            _position = end + 1;
        }
        string flags = "";
        while ("-+ #0".Contains(Peek, StringComparison.Ordinal)) flags += _format[_position++];
        int width = Number(ref flags);
        int precision = -1;
        if (Peek == '.')
        {
            _position++;
            string unused = "";
            precision = Math.Max(0, Number(ref unused));
        }
        while (Peek is 'h' or 'l' or 'L') _position++;
        char type = Peek == '\0' ? throw new TemplateFault("a format ends within a position") : _format[_position++];
        if (type == '%') return "%";
        if (precision > LargestPrecision && type != 's')
            throw new TemplateFault($"a format with a precision of {precision}; at most {LargestPrecision} are supported");
        return Padded(Converted(named ?? Next(), type, flags, precision, out string sign), sign, flags, width,
            isNumber: type is not ('s' or 'r' or 'a' or 'c'));
    }

    private char Peek => _position < _format.Length ? _format[_position] : '\0';

    private int Number(ref string flags)
    {
        if (Peek == '*')
        {
            _position++;
            int given = Integers.Small(Next(), "the width of a format");
            if (given < 0) flags += "-";
            return Math.Abs(Math.Max(given, -int.MaxValue));
        }
        long number = 0;
        while (char.IsAsciiDigit(Peek)) number = Math.Min(int.MaxValue, (number * 10) + _format[_position++] - '0');
        return (int)number;
    }

    private object Next()
    {
        int position = _used++;
        if (_values is TupleValue tuple)
            return position < tuple.Items.Count ? tuple.Items[position] : throw new TemplateFault("fewer values were given than the format has positions for");
        return position == 0 ? _values : throw new TemplateFault("fewer values were given than the format has positions for");
    }

    private string Converted(object value, char type, string flags, int precision, out string sign)
    {
        sign = "";
        if (type is 's' or 'r' or 'a')
        {
            string text = type == 's' ? Printing.Text(_state, value) : Printing.Quoted(_state, value);
            if (_escape && !Kinds.IsSafe(value)) text = Html.Escape(text);
            return precision >= 0 && CodePoints.Count(text) > precision ? text[..CodePoints.Index(text, precision)] : text;
        }
        if (type == 'c') return Kinds.Text(value) is { } character && CodePoints.Count(character) == 1 ? character
            : Integers.From(value) is { } point && point >= 0 && point <= 0x10FFFF && Rune.IsValid((int)point) ? new Rune((int)point).ToString()
            : throw new TemplateFault("%c needs one character");
        if (!Kinds.IsNumber(value)) throw new TemplateFault($"%{type} needs a number, not a value of kind {Kinds.Of(value)}");
        string digits;
        bool negative;
        if (type is 'd' or 'i' or 'u' or 'x' or 'X' or 'o')
        {
            BigInteger whole = value is double number
                ? double.IsFinite(number) && type is 'd' or 'i' or 'u' ? new BigInteger(Math.Truncate(number))
                : throw new TemplateFault($"%{type} needs an integer")
                : Integers.From(value)!.Value;
            negative = whole.Sign < 0;
            digits = InBase(BigInteger.Abs(whole), type).PadLeft(Math.Max(0, precision), '0');
            if (flags.Contains('#', StringComparison.Ordinal)) sign = type switch { 'x' => "0x", 'X' => "0X", 'o' => "0o", _ => "" };
        }
        else if (type is 'e' or 'E' or 'f' or 'F' or 'g' or 'G')
        {
            double number = Arithmetic.Float(value);
            negative = double.IsNegative(number) && !double.IsNaN(number);
            digits = NumberFormat.Of(number, type, precision < 0 ? 6 : precision, flags.Contains('#', StringComparison.Ordinal));
        }
        else
        {
            throw new TemplateFault($"a format has the unknown type '{type}'");
        }
        sign = (negative ? "-" : flags.Contains('+', StringComparison.Ordinal) ? "+" : flags.Contains(' ', StringComparison.Ordinal) ? " " : "") + sign;
        return digits;
    }

    /// <summary>An integer without sign, in the base of a type letter.</summary>
    public static string InBase(BigInteger value, char type)
    {
        int bits = type switch { 'x' or 'X' => 4, 'o' => 3, 'b' => 1, _ => 0 };
        if (bits == 0) return Integers.Print(value);
        var digits = new StringBuilder();
        do
        {
            digits.Insert(0, "0123456789abcdef"[(int)(value & ((1 << bits) - 1))]);
            value >>= bits;
        }
        while (!value.IsZero);
        return type == 'X' ? digits.ToString().ToUpperInvariant() : digits.ToString();
    }

    private string Padded(string text, string sign, string flags, int width, bool isNumber)
    {
        int missing = width - CodePoints.Count(text) - sign.Length;
        if (missing <= 0) return sign + text;
        _state.Budget.Allocate(missing);
        if (flags.Contains('-', StringComparison.Ordinal)) return sign + text + new string(' ', missing);
        return flags.Contains('0', StringComparison.Ordinal) && isNumber ? sign + new string('0', missing) + text : new string(' ', missing) + sign + text;
    }
}
