using System.Collections.Frozen;
using System.Numerics;

namespace FineTuning.Text.Jinja;

/// <summary>The tests there are, by name: value is name.</summary>
internal static class TemplateTests
{
    private delegate bool One(RenderState state, object value);

    private delegate bool Two(RenderState state, object value, object other);

    private static readonly FrozenDictionary<string, One> OfOne = new Dictionary<string, One>
    {
        ["defined"] = (_, value) => value is not UndefinedValue,
        ["undefined"] = (_, value) => value is UndefinedValue,
        ["none"] = (_, value) => value is NoneValue,
        ["boolean"] = (_, value) => value is bool,
        ["true"] = (_, value) => value is true,
        ["false"] = (_, value) => value is false,
        ["integer"] = (_, value) => value is long or BigInteger,
        ["float"] = (_, value) => value is double,
        ["number"] = (_, value) => Kinds.IsNumber(value),
        ["string"] = (_, value) => Kinds.Text(value) is not null,
        ["mapping"] = (_, value) => value is DictValue,
        ["sequence"] = (_, value) => value is UndefinedValue or SequenceValue or DictValue or RangeValue || Kinds.Text(value) is not null,
        ["iterable"] = (_, value) => Kinds.Items(value) is not null,
        ["callable"] = (_, value) => value is CallableValue or LoopValue or UndefinedValue,
        ["escaped"] = (_, value) => Kinds.IsSafe(value),
        ["lower"] = (state, value) => TextQuestions.IsLower(Printing.Text(state, value)),
        ["upper"] = (state, value) => TextQuestions.IsUpper(Printing.Text(state, value)),
        ["odd"] = (state, value) => Rest(state, value, 2L) is 1L or 1.0,
        ["even"] = (state, value) => Rest(state, value, 2L) is 0L or 0.0,
        ["filter"] = (_, value) => Kinds.Text(value) is { } name && Filters.Exists(name),
        ["test"] = (_, value) => Kinds.Text(value) is { } name && Exists(name),
    }.ToFrozenDictionary(StringComparer.Ordinal);

    private static readonly FrozenDictionary<string, Two> OfTwo = new Dictionary<string, Two>
    {
        ["divisibleby"] = (state, value, other) => Rest(state, value, other) is 0L or 0.0,
        ["sameas"] = (_, value, other) => Comparison.Same(value, other),
        ["in"] = (state, value, other) => Comparison.Contains(state, other, value),
        ["=="] = (state, value, other) => Comparison.Equal(state, value, other),
        ["eq"] = (state, value, other) => Comparison.Equal(state, value, other),
        ["equalto"] = (state, value, other) => Comparison.Equal(state, value, other),
        ["!="] = (state, value, other) => !Comparison.Equal(state, value, other),
        ["ne"] = (state, value, other) => !Comparison.Equal(state, value, other),
        [">"] = (state, value, other) => Comparison.Holds(state, ">", value, other),
        ["gt"] = (state, value, other) => Comparison.Holds(state, ">", value, other),
        ["greaterthan"] = (state, value, other) => Comparison.Holds(state, ">", value, other),
        [">="] = (state, value, other) => Comparison.Holds(state, ">=", value, other),
        ["ge"] = (state, value, other) => Comparison.Holds(state, ">=", value, other),
        ["<"] = (state, value, other) => Comparison.Holds(state, "<", value, other),
        ["lt"] = (state, value, other) => Comparison.Holds(state, "<", value, other),
        ["lessthan"] = (state, value, other) => Comparison.Holds(state, "<", value, other),
        ["<="] = (state, value, other) => Comparison.Holds(state, "<=", value, other),
        ["le"] = (state, value, other) => Comparison.Holds(state, "<=", value, other),
    }.ToFrozenDictionary(StringComparer.Ordinal);

    public static bool Exists(string name) => OfOne.ContainsKey(name) || OfTwo.ContainsKey(name);

    public static string Unknown(string name) => $"the test '{name}' does not exist";

    public static bool Apply(RenderState state, string name, object value, Arguments arguments)
    {
        if (OfOne.TryGetValue(name, out One? one))
        {
            arguments.Bind(name, 0);
            return one(state, value);
        }
        return OfTwo.TryGetValue(name, out Two? two) ? two(state, value, arguments.Bind(name, 1, "other")[0]!) : throw new TemplateFault(Unknown(name));
    }

    private static object Rest(RenderState state, object value, object divisor)
    {
        if (value is UndefinedValue undefined) throw undefined.Fault();
        if (!Kinds.IsNumber(value) || !Kinds.IsNumber(divisor))
            throw new TemplateFault($"a number was expected, not a value of kind {Kinds.Of(Kinds.IsNumber(value) ? divisor : value)}");
        return Arithmetic.Numbers(state, "%", value, divisor);
    }
}
