using System.Numerics;

namespace FineTuning.Text.Jinja;

/// <summary>What kind a value is, in the words that messages use.</summary>
internal static class Kinds
{
    public static string Of(object value) => value switch
    {
        NoneValue => "none",
        UndefinedValue => "undefined",
        bool => "boolean",
        long or BigInteger => "integer",
        double => "float",
        string or RichText => "string",
        ListValue => "list",
        TupleValue => "tuple",
        DictValue => "dictionary",
        RangeValue => "range",
        GeneratorValue => "generator",
        DictView view => "dictionary's " + view.Name,
        NamespaceValue => "namespace",
        LoopValue => "loop",
        MacroValue => "macro",
        _ => "function",
    };

    /// <summary>A text's characters. Null: it is none.</summary>
    public static string? Text(object value) => value as string ?? (value as RichText)?.Text;

    public static bool IsSafe(object value) => value is RichText { Safe: true };

    /// <summary>A text of the same kind as another: safe where that is.</summary>
    public static object Like(object model, string text) => IsSafe(model) ? new RichText(text, true) : text;

    public static bool IsNumber(object value) => value is bool or long or BigInteger or double;

    public static bool IsTrue(object value) => value switch
    {
        bool truth => truth,
        NoneValue or UndefinedValue => false,
        long number => number != 0,
        BigInteger number => !number.IsZero,
        double number => number != 0,
        string text => text.Length > 0,
        RichText text => text.Text.Length > 0,
        SequenceValue sequence => sequence.Items.Count > 0,
        DictValue dictionary => dictionary.Count > 0,
        DictView view => view.Owner.Count > 0,
        RangeValue range => range.Count > 0,
        _ => true,
    };

    /// <summary>How many items a value has. Null: it has no length.</summary>
    public static int? Length(object value) => value switch
    {
        UndefinedValue => 0,
        string text => CodePoints.Count(text),
        RichText text => CodePoints.Count(text.Text),
        SequenceValue sequence => sequence.Items.Count,
        DictValue dictionary => dictionary.Count,
        DictView view => view.Owner.Count,
        RangeValue range => range.Count,
        LoopValue loop => loop.Length,
        _ => null,
    };

    /// <summary>The items of a value, one step of the budget each.</summary>
    public static IEnumerable<object> Iterate(RenderState state, object value)
    {
        IEnumerable<object>? items = Items(value);
        return items is null ? throw new TemplateFault($"{Kinds.Of(value)} cannot be iterated; a list, dictionary or text was expected")
            : Metered(state, items);
    }

    /// <summary>The items of a value. Null: it has none.</summary>
    public static IEnumerable<object>? Items(object value) => value switch
    {
        UndefinedValue => [],
        string text => CodePoints.Split(text),
        RichText text => CodePoints.Split(text.Text),
        SequenceValue sequence => sequence.Items,
        DictValue dictionary => dictionary.Entries.Select(entry => entry.Key),
        DictView view => view.Items,
        RangeValue range => range.Items,
        GeneratorValue generator => generator.Rest(),
        LoopValue loop => loop.Rest(),
        _ => null,
    };

    /// <summary>All items as a list of their own, charged for.</summary>
    public static List<object> ToList(RenderState state, object value)
    {
        var list = new List<object>();
        foreach (object item in Iterate(state, value))
        {
            state.Budget.AllocateItems(1);
            list.Add(item);
        }
        return list;
    }

    private static IEnumerable<object> Metered(RenderState state, IEnumerable<object> items)
    {
        foreach (object item in items)
        {
            state.Budget.Step();
            yield return item;
        }
    }
}
