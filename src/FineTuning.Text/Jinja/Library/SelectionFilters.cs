using System.Globalization;

namespace FineTuning.Text.Jinja;

/// <summary>map, select, reject and their kin: computed while they are read.</summary>
internal static class SelectionFilters
{
    public static IReadOnlyDictionary<string, TemplateFilter> All { get; } = new Dictionary<string, TemplateFilter>(StringComparer.Ordinal)
    {
        ["map"] = (state, value, arguments) => new GeneratorValue(Map(state, value, arguments)),
        ["select"] = (state, value, arguments) => new GeneratorValue(Select(state, value, arguments, byAttribute: false, keeps: true)),
        ["reject"] = (state, value, arguments) => new GeneratorValue(Select(state, value, arguments, byAttribute: false, keeps: false)),
        ["selectattr"] = (state, value, arguments) => new GeneratorValue(Select(state, value, arguments, byAttribute: true, keeps: true)),
        ["rejectattr"] = (state, value, arguments) => new GeneratorValue(Select(state, value, arguments, byAttribute: true, keeps: false)),
    };

    /// <summary>Reads an attribute such as 'a.b.0' or a number. Null: the item itself.</summary>
    public static Func<object, object> Getter(object? attribute, object? otherwise = null)
    {
        if (attribute is null or NoneValue) return item => item;
        object[] path = Path(attribute);
        return item =>
        {
            foreach (object part in path)
            {
                item = Lookup.Item(item, part);
                if (item is UndefinedValue && otherwise is not null) item = otherwise;
            }
            return item;
        };
    }

    public static object[] Path(object attribute) => Kinds.Text(attribute) is { } text
        ? [.. text.Split('.').Select(part => part.Length > 0 && part.All(char.IsAsciiDigit)
            && int.TryParse(part, NumberStyles.None, CultureInfo.InvariantCulture, out int position) ? (object)(long)position : part)]
        : [attribute];

    private static IEnumerable<object> Map(RenderState state, object value, Arguments arguments)
    {
        if (!Kinds.IsTrue(value) && value is not GeneratorValue) yield break;
        Func<object, object> change;
        if (arguments.Positional.Count == 0)
        {
            object?[] given = arguments.Bind("map", 0, "attribute", "default");
            if (given[0] is null) throw new TemplateFault("map needs a filter, or an attribute");
            change = Getter(given[0], given[1]);
        }
        else
        {
            string name = Kinds.Text(arguments.Positional[0]) ?? throw new TemplateFault("map needs the name of a filter");
            Arguments rest = arguments.Skip(1);
            change = item => Filters.Apply(state, name, item, rest);
        }
        foreach (object item in Kinds.Iterate(state, value)) yield return change(item);
    }

    private static IEnumerable<object> Select(RenderState state, object value, Arguments arguments, bool byAttribute, bool keeps)
    {
        if (!Kinds.IsTrue(value) && value is not GeneratorValue) yield break;
        Func<object, object> key = item => item;
        if (byAttribute)
        {
            if (arguments.Positional.Count == 0) throw new TemplateFault("selectattr and rejectattr need an attribute");
            key = Getter(arguments.Positional[0]);
            arguments = arguments.Skip(1);
        }
        Func<object, bool> holds = Kinds.IsTrue;
        if (arguments.Positional.Count > 0)
        {
            string name = Kinds.Text(arguments.Positional[0]) ?? throw new TemplateFault("select and reject need the name of a test");
            Arguments rest = arguments.Skip(1);
            holds = item => TemplateTests.Apply(state, name, item, rest);
        }
        foreach (object item in Kinds.Iterate(state, value))
        {
            if (holds(key(item)) == keeps) yield return item;
        }
    }
}
