using System.Text;

namespace FineTuning.Text.Jinja;

/// <summary>Filters over the items of a value.</summary>
internal static class SequenceFilters
{
    public static IReadOnlyDictionary<string, TemplateFilter> All { get; } = new Dictionary<string, TemplateFilter>(StringComparer.Ordinal)
    {
        ["length"] = (_, value, arguments) => Length(value, arguments),
        ["count"] = (_, value, arguments) => Length(value, arguments),
        ["first"] = First,
        ["last"] = Last,
        ["list"] = (state, value, arguments) =>
        {
            arguments.Bind("list", 0);
            return new ListValue(Kinds.ToList(state, value));
        },
        ["items"] = (_, value, arguments) => Items(value, arguments),
        ["join"] = Join,
        ["reverse"] = Reverse,
        ["batch"] = Batch,
        ["slice"] = Slice,
        ["default"] = (_, value, arguments) => Default(value, arguments),
        ["d"] = (_, value, arguments) => Default(value, arguments),
        ["attr"] = (_, value, arguments) => Attribute(value, arguments),
    };

    private static long Length(object value, Arguments arguments)
    {
        arguments.Bind("length", 0);
        return Kinds.Length(value) ?? throw new TemplateFault($"a value of kind {Kinds.Of(value)} has no length");
    }

    private static object First(RenderState state, object value, Arguments arguments)
    {
        arguments.Bind("first", 0);
        foreach (object item in Kinds.Iterate(state, value)) return item;
        return new UndefinedValue("there is no first item: the sequence is empty");
    }

    private static object Last(RenderState state, object value, Arguments arguments)
    {
        arguments.Bind("last", 0);
        if (value is GeneratorValue) throw new TemplateFault("a generator has no last item; make it a list first");
        object? last = null;
        if (value is SequenceValue { Items.Count: > 0 } sequence) return sequence.Items[^1];
        foreach (object item in Kinds.Iterate(state, value)) last = item;
        return last ?? new UndefinedValue("there is no last item: the sequence is empty");
    }

    private static GeneratorValue Items(object value, Arguments arguments)
    {
        arguments.Bind("items", 0);
        return value switch
        {
            UndefinedValue => new GeneratorValue([]),
            DictValue dictionary => new GeneratorValue(new DictView(dictionary, "items").Items),
            // Said when it is read, as the reference does; nothing is read of what is never iterated.
            _ => new GeneratorValue(NoPairs(value)),
        };
    }

    private static IEnumerable<object> NoPairs(object value)
    {
        yield return Kinds.Length(value) == int.MinValue ? value
            : throw new TemplateFault($"items was given a value of kind {Kinds.Of(value)}; a dictionary was expected");
    }

    private static string Join(RenderState state, object value, Arguments arguments)
    {
        object?[] given = arguments.Bind("join", 0, "d", "attribute");
        string separator = given[0] is { } own ? Printing.Text(state, own) : "";
        Func<object, object> key = SelectionFilters.Getter(given[1]);
        var text = new StringBuilder();
        bool any = false;
        foreach (object item in Kinds.Iterate(state, value))
        {
            string part = Printing.Text(state, key(item));
            state.Budget.Allocate(part.Length + separator.Length);
            if (any) text.Append(separator);
            any = true;
            text.Append(part);
        }
        return text.ToString();
    }

    private static object Reverse(RenderState state, object value, Arguments arguments)
    {
        arguments.Bind("reverse", 0);
        if (Kinds.Text(value) is { } text)
        {
            state.Budget.Allocate(text.Length);
            return Kinds.Like(value, CodePoints.Reversed(text));
        }
        List<object> items = Kinds.ToList(state, value);
        items.Reverse();
        return value is GeneratorValue ? new ListValue(items) : new GeneratorValue(items);
    }

    private static GeneratorValue Batch(RenderState state, object value, Arguments arguments)
    {
        object?[] given = arguments.Bind("batch", 1, "linecount", "fill_with");
        int size = Integers.Small(given[0]!, "the size of batch");
        return new GeneratorValue(Batches(state, value, size, given[1] is NoneValue ? null : given[1]));
    }

    private static IEnumerable<object> Batches(RenderState state, object value, int size, object? filling)
    {
        var batch = new List<object>();
        foreach (object item in Kinds.Iterate(state, value))
        {
            if (batch.Count == size)
            {
                yield return new ListValue(batch);
                state.Budget.AllocateList(0);
                batch = [];
            }
            state.Budget.AllocateItems(1);
            batch.Add(item);
        }
        if (batch.Count == 0) yield break;
        if (filling is not null && batch.Count < size)
        {
            state.Budget.AllocateItems(size - batch.Count);
            batch.AddRange(Enumerable.Repeat(filling, size - batch.Count));
        }
        yield return new ListValue(batch);
    }

    private static GeneratorValue Slice(RenderState state, object value, Arguments arguments)
    {
        object?[] given = arguments.Bind("slice", 1, "slices", "fill_with");
        int count = Integers.Small(given[0]!, "the number of slices");
        if (count == 0) throw new TemplateFault("slice into 0 parts");
        return new GeneratorValue(Slices(state, value, count, given[1] is NoneValue ? null : given[1]));
    }

    private static IEnumerable<object> Slices(RenderState state, object value, int count, object? filling)
    {
        List<object> items = Kinds.ToList(state, value);
        (int size, int longer) = (items.Count / count, items.Count % count);
        int start = 0;
        for (int i = 0; i < count; i++)
        {
            int end = start + size + (i < longer ? 1 : 0);
            state.Budget.AllocateList(end - start);
            List<object> slice = items[start..end];
            start = end;
            if (filling is not null && i >= longer) slice.Add(filling);
            yield return new ListValue(slice);
        }
    }

    private static object Default(object value, Arguments arguments)
    {
        object?[] given = arguments.Bind("default", 0, "default_value", "boolean");
        return value is UndefinedValue || (given[1] is { } flag && Kinds.IsTrue(flag) && !Kinds.IsTrue(value)) ? given[0] ?? "" : value;
    }

    private static object Attribute(object value, Arguments arguments)
    {
        string name = Kinds.Text(arguments.Bind("attr", 1, "name")[0]!) ?? throw new TemplateFault("attr needs the name of an attribute");
        return Lookup.OnlyAttribute(value, name);
    }
}
