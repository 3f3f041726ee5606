using System.Numerics;

namespace FineTuning.Text.Jinja;

internal enum TokenKind
{
    Data,
    PrintBegin,
    PrintEnd,
    BlockBegin,
    BlockEnd,
    Name,
    Integer,
    Float,
    Text,
    Operator,
    End,
}

/// <summary>A piece of a template.</summary>
/// <param name="Kind">What it is.</param>
/// <param name="Text">Its characters; of a string literal, what it stands for.</param>
/// <param name="Line">The line it begins on, from 1.</param>
internal readonly record struct Token(TokenKind Kind, string Text, int Line)
{
    /// <summary>The number of a numeric literal.</summary>
    public object? Number { get; init; }

    public bool IsName(string name) => Kind == TokenKind.Name && Text == name;

    public bool IsOperator(string text) => Kind == TokenKind.Operator && Text == text;

    /// <summary>For messages.</summary>
    public string Description => Kind switch
    {
        TokenKind.End => "the end of the template",
        TokenKind.PrintEnd => "'}}'",
        TokenKind.BlockEnd => "'%}'",
        TokenKind.Data => "text",
        TokenKind.Text => "a string",
        _ => $"'{(Text.Length > 40 ? Text[..40] + "..." : Text)}'",
    };

    public static object IntegerOf(string digits)
    {
        digits = digits.Replace("_", "", StringComparison.Ordinal);
        if (digits.Length > 4300) throw new TemplateFault("an integer has more than 4,300 digits");
        if (digits.Length < 2 || char.IsAsciiDigit(digits[1])) return Integers.Of(BigInteger.Parse(digits, System.Globalization.CultureInfo.InvariantCulture));
        int bits = char.ToLowerInvariant(digits[1]) switch { 'x' => 4, 'o' => 3, _ => 1 };
        BigInteger value = BigInteger.Zero;
        foreach (char digit in digits.AsSpan(2)) value = (value << bits) + Convert.ToInt32(digit.ToString(), 16);
        return Integers.Of(value);
    }
}
