using System.Numerics;

namespace FineTuning.Text.Jinja;

/// <summary>
/// Python's operators: integers without bounds, '/' always a float, '//' and '%' towards minus infinity, texts and lists joined and repeated.
/// </summary>
internal static class Arithmetic
{
    public static object Apply(RenderState state, string sign, object left, object right)
    {
        if (left is UndefinedValue first) throw first.Fault();
        if (sign == "%" && Kinds.Text(left) is { } format) return Kinds.Like(left, PercentFormat.Apply(state, format, right, Kinds.IsSafe(left)));
        if (right is UndefinedValue second) throw second.Fault();
        if (Kinds.IsNumber(left) && Kinds.IsNumber(right)) return Numbers(state, sign, left, right);
        return sign switch
        {
            "+" => Joined(state, left, right),
            "*" when Integers.From(right) is { } times => Repeated(state, left, times),
            "*" when Integers.From(left) is { } times => Repeated(state, right, times),
            _ => null,
        } ?? throw new TemplateFault($"'{sign}' has no meaning between values of kind {Kinds.Of(left)} and {Kinds.Of(right)}");
    }

    public static object Signed(object value, bool negative) => value switch
    {
        double number => negative ? -number : number,
        UndefinedValue undefined => throw undefined.Fault(),
        _ => Integers.From(value) is { } number ? Integers.Of(negative ? -number : number)
        : throw new TemplateFault($"a value of kind {Kinds.Of(value)} has no sign"),
    };

    public static object Numbers(RenderState state, string sign, object left, object right)
    {
        if (left is long first && right is long second && (sign is "+" or "-") && Math.Abs(first / 2) < long.MaxValue / 4
            && Math.Abs(second / 2) < long.MaxValue / 4)
        {
            return sign == "+" ? first + second : first - second;
        }
        return left is double || right is double ? OfFloats(sign, Float(left), Float(right))
            : OfIntegers(state, sign, Integers.From(left)!.Value, Integers.From(right)!.Value);
    }

    public static double Float(object number) => number is double value ? value : Integers.ToDouble(Integers.From(number)!.Value);

    private static object OfIntegers(RenderState state, string sign, BigInteger left, BigInteger right)
    {
        long bits = left.GetBitLength() + right.GetBitLength();
        if (bits > 128) state.Budget.Step(1 + (bits * bits / 65536));
        switch (sign)
        {
            case "+": return Integers.Of(left + right);
            case "-": return Integers.Of(left - right);
            case "*": return Integers.Of(left * right);
            case "/": return Integers.Divide(left, right);
            case "**": return Power(state, left, right);
        }
        if (right.IsZero) throw new TemplateFault("division by zero");
        BigInteger quotient = BigInteger.DivRem(left, right, out BigInteger rest);
        bool below = !rest.IsZero && rest.Sign != right.Sign;
        return sign == "//" ? Integers.Of(below ? quotient - 1 : quotient) : Integers.Of(below ? rest + right : rest);
    }

    private static object Power(RenderState state, BigInteger left, BigInteger right)
    {
        if (right.Sign < 0) return OfFloats("**", Integers.ToDouble(left), Integers.ToDouble(right));
        if (left.IsZero || left.IsOne || right.IsZero) return Integers.Of(right.IsZero ? BigInteger.One : left);
        if (left == BigInteger.MinusOne) return right.IsEven ? 1L : -1L;
        if (right > Budget.LargestInteger || (left.GetBitLength() - 1) * (long)right > Budget.LargestInteger)
            throw new TemplateFault($"a power has more than {Budget.LargestInteger} bits");
        state.Budget.Step((long)right);
        return Integers.Of(BigInteger.Pow(left, (int)right));
    }

    private static double OfFloats(string sign, double left, double right)
    {
        switch (sign)
        {
            case "+": return left + right;
            case "-": return left - right;
            case "*": return left * right;
            case "**": return Power(left, right);
        }
        if (right == 0) throw new TemplateFault("division by zero");
        if (sign == "/") return left / right;
        (double quotient, double rest) = Divide(left, right);
        return sign == "//" ? quotient : rest;
    }

    private static double Power(double left, double right)
    {
        if (left == 0 && right < 0) throw new TemplateFault("zero cannot be raised to a negative power");
        if (left < 0 && double.IsFinite(left) && double.IsFinite(right) && Math.Floor(right) != right)
            throw new TemplateFault("a negative number to a broken power is no real number");
        double result = Math.Pow(left, right);
        return double.IsInfinity(result) && double.IsFinite(left) && double.IsFinite(right)
            ? throw new TemplateFault("a power is too large for a floating-point number") : result;
    }

    // Quotient and rest so that the rest has the divisor's sign, as CPython computes them.
    private static (double Quotient, double Remainder) Divide(double left, double right)
    {
        double rest = left % right, quotient = (left - rest) / right;
        if (rest == 0)
        {
            rest = Math.CopySign(0, right);
        }
        else if (right < 0 != rest < 0)
        {
            rest += right;
            quotient -= 1;
        }
        if (quotient == 0) return (Math.CopySign(0, left / right), rest);
        double floor = Math.Floor(quotient);
        return (quotient - floor > 0.5 ? floor + 1 : floor, rest);
    }

    private static object? Joined(RenderState state, object left, object right)
    {
        if (Kinds.Text(left) is { } first && Kinds.Text(right) is { } second)
        {
            bool safe = Kinds.IsSafe(left) || Kinds.IsSafe(right);
            if (safe) (first, second) = (Html.Escaped(left), Html.Escaped(right));
            state.Budget.Allocate((long)first.Length + second.Length);
            TextSpan[] spans = [.. Spans(left), .. Spans(right).Select(span => new TextSpan(span.Start + first.Length, span.End + first.Length))];
            return safe || spans.Length > 0 ? new RichText(first + second, safe, spans) : first + second;
        }
        if (left is not SequenceValue start || right is not SequenceValue end || left.GetType() != right.GetType()) return null;
        state.Budget.AllocateList((long)start.Items.Count + end.Items.Count);
        object[] items = [.. start.Items, .. end.Items];
        return left is ListValue ? new ListValue(items) : new TupleValue(items);
    }

    private static IEnumerable<TextSpan> Spans(object value) => value is RichText rich ? rich.Spans : [];

    private static object? Repeated(RenderState state, object value, BigInteger times)
    {
        if (times.Sign < 0) times = BigInteger.Zero;
        long length = Kinds.Text(value)?.Length ?? (value as SequenceValue)?.Items.Count ?? -1;
        if (length < 0) return null;
        long total = times * length > long.MaxValue / 64 ? long.MaxValue / 64 : (long)(times * length);
        if (Kinds.Text(value) is { } text)
        {
            state.Budget.Allocate(total);
            return Kinds.Like(value, string.Concat(Enumerable.Repeat(text, length == 0 ? 0 : (int)times)));
        }
        state.Budget.AllocateList(total);
        var items = ((SequenceValue)value).Items;
        object[] repeated = [.. Enumerable.Repeat(items, length == 0 ? 0 : (int)times).SelectMany(part => part)];
        return value is ListValue ? new ListValue(repeated) : new TupleValue(repeated);
    }
}
