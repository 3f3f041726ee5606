using System.Numerics;

namespace FineTuning.Text.Jinja;

/// <summary>Python's comparisons: equality of anything, order within a kind, membership.</summary>
internal static class Comparison
{
    public static bool Holds(RenderState state, string sign, object left, object right) => sign switch
    {
        "==" => Equal(state, left, right),
        "!=" => !Equal(state, left, right),
        "<" => Less(state, left, right),
        ">" => Less(state, right, left),
        "<=" => LessOrEqual(state, left, right),
        ">=" => LessOrEqual(state, right, left),
        "in" => Contains(state, right, left),
        _ => !Contains(state, right, left),
    };

    public static bool Equal(RenderState state, object left, object right)
    {
        state.Budget.Enter();
        bool equal = (left, right) switch
        {
            (SequenceValue first, SequenceValue second) =>
                first.GetType() == second.GetType() && (ReferenceEquals(first, second) || ItemsEqual(state, first.Items, second.Items)),
            (DictValue first, DictValue second) => ReferenceEquals(first, second) || EntriesEqual(state, first, second),
            (UndefinedValue, UndefinedValue) => true,
            (RangeValue first, RangeValue second) => first.Count == second.Count && first.Items.SequenceEqual(second.Items),
            _ => ScalarsEqual(state, left, right),
        };
        state.Budget.Leave();
        return equal;
    }

    public static bool Less(RenderState state, object left, object right) => Order(state, left, right, "<") < 0;

    public static bool Contains(RenderState state, object container, object item)
    {
        if (Kinds.Text(container) is { } text)
        {
            string part = Kinds.Text(item) ?? throw new TemplateFault($"'in' a string asks for a string, not for a value of kind {Kinds.Of(item)}");
            state.Budget.Step(text.Length / 64);
            return text.Contains(part, StringComparison.Ordinal);
        }
        if (container is DictValue dictionary) return dictionary.Find(item) is not null;
        if (container is DictView { Name: "keys" } view) return view.Owner.Find(item) is not null;
        if (container is RangeValue range && Integers.From(item) is { } number) return Contains(range, number);
        foreach (object candidate in Kinds.Iterate(state, container))
        {
            if (Same(candidate, item) || Equal(state, candidate, item)) return true;
        }
        return false;
    }

    /// <summary>Whether two values are one and the same (Python's <c>is</c>).</summary>
    public static bool Same(object left, object right) => ReferenceEquals(left, right)
        || (left.GetType() == right.GetType() && left is bool or long or string && left.Equals(right))
        || (left is double first && right is double second && BitConverter.DoubleToInt64Bits(first) == BitConverter.DoubleToInt64Bits(second));

    /// <summary>-1, 0 or 1; 2 where numbers have no order.</summary>
    public static int Numbers(object left, object right)
    {
        if (left is double first && right is double second) return Floats(first, second);
        if (left is double number) return double.IsNaN(number) ? 2 : -Sign(WithFloat(Integers.From(right)!.Value, number));
        if (right is double other) return double.IsNaN(other) ? 2 : Sign(WithFloat(Integers.From(left)!.Value, other));
        return left is long a && right is long b ? a.CompareTo(b) : Sign(Integers.From(left)!.Value.CompareTo(Integers.From(right)!.Value));
    }

    /// <summary>By code points, which sort U+FFFF before U+10000.</summary>
    public static int Texts(string left, string right)
    {
        int length = Math.Min(left.Length, right.Length);
        for (int i = 0; i < length; i++)
        {
            if (left[i] == right[i]) continue;
            bool first = char.IsSurrogate(left[i]), second = char.IsSurrogate(right[i]);
            return first == second ? left[i].CompareTo(right[i]) : first ? 1 : -1;
        }
        return left.Length.CompareTo(right.Length);
    }

    private static bool LessOrEqual(RenderState state, object left, object right) => Order(state, left, right, "<=") is -1 or 0;

    private static int Order(RenderState state, object left, object right, string sign)
    {
        state.Budget.Enter();
        int order = (left, right) switch
        {
            (UndefinedValue undefined, _) => throw undefined.Fault(),
            (_, UndefinedValue undefined) => throw undefined.Fault(),
            _ when Kinds.IsNumber(left) && Kinds.IsNumber(right) => Numbers(left, right),
            _ when Kinds.Text(left) is { } first && Kinds.Text(right) is { } second => Sign(Texts(first, second)),
            (SequenceValue first, SequenceValue second) when first.GetType() == second.GetType() => Sequences(state, first.Items, second.Items, sign),
            _ => throw new TemplateFault($"'{sign}' has no meaning between values of kind {Kinds.Of(left)} and {Kinds.Of(right)}"),
        };
        state.Budget.Leave();
        return order;
    }

    private static int Sequences(RenderState state, IReadOnlyList<object> left, IReadOnlyList<object> right, string sign)
    {
        for (int i = 0; i < Math.Min(left.Count, right.Count); i++)
        {
            if (!Same(left[i], right[i]) && !Equal(state, left[i], right[i])) return Order(state, left[i], right[i], sign);
        }
        return left.Count.CompareTo(right.Count);
    }

    private static bool ScalarsEqual(RenderState state, object left, object right)
    {
        if (Kinds.IsNumber(left)) return Kinds.IsNumber(right) && Numbers(left, right) == 0;
        if (Kinds.Text(left) is not { } text) return ReferenceEquals(left, right);
        state.Budget.Step(text.Length / 64);
        return Kinds.Text(right) is { } other && text == other;
    }

    private static bool ItemsEqual(RenderState state, IReadOnlyList<object> left, IReadOnlyList<object> right)
    {
        if (left.Count != right.Count) return false;
        for (int i = 0; i < left.Count; i++)
        {
            if (!Same(left[i], right[i]) && !Equal(state, left[i], right[i])) return false;
        }
        return true;
    }

    private static bool EntriesEqual(RenderState state, DictValue left, DictValue right)
    {
        if (left.Count != right.Count) return false;
        foreach ((object key, object value) in left.Entries)
        {
            if (right.Find(key) is not { } other || !(Same(value, other) || Equal(state, value, other))) return false;
        }
        return true;
    }

    private static bool Contains(RangeValue range, BigInteger number)
    {
        BigInteger position = number - range.Start;
        return (position % range.Step).IsZero && position / range.Step is var index && index >= 0 && index < range.Count;
    }

    private static int Floats(double left, double right) => left < right ? -1 : left > right ? 1 : left == right ? 0 : 2;

    private static int WithFloat(BigInteger left, double right)
    {
        if (double.IsInfinity(right)) return right > 0 ? -1 : 1;
        int order = left.CompareTo(new BigInteger(Math.Floor(right)));
        return order != 0 ? order : right > Math.Floor(right) ? -1 : 0;
    }

    private static int Sign(int order) => order is 2 ? 2 : Math.Sign(order);
}
