namespace FineTuning.Text.Jinja;

/// <summary>Methods of dictionaries, lists and tuples that change nothing; those that would are refused.</summary>
internal static class ContainerMethods
{
    public static object? OfDictionary(DictValue dictionary, string name)
    {
        switch (name)
        {
            case "keys" or "values" or "items":
                return Method(name, arguments =>
                {
                    arguments.Bind(name, 0);
                    return new DictView(dictionary, name);
                });
            case "get":
                return Method(name, arguments =>
                {
                    object?[] given = arguments.Bind(name, 1, "/key", "/default");
                    return dictionary.Find(given[0]!) ?? given[1] ?? NoneValue.Instance;
                });
            case "copy":
                return Method(name, _ => dictionary);
            case "fromkeys":
                return new FunctionValue("<method fromkeys>", Globals.FromKeys);
            case "clear" or "pop" or "popitem" or "setdefault" or "update":
                return UndefinedValue.Unsafe(dictionary, name);
            default:
                return null;
        }
    }

    public static object? OfSequence(SequenceValue sequence, string name)
    {
        switch (name)
        {
            case "count":
                return new FunctionValue("<method count>", (state, arguments) =>
                {
                    object item = arguments.Bind(name, 1, "/value")[0]!;
                    return (long)Kinds.Iterate(state, sequence).Count(other => Comparison.Same(other, item) || Comparison.Equal(state, other, item));
                });
            case "index":
                return new FunctionValue("<method index>", (state, arguments) => Index(state, sequence, arguments));
            case "copy" when sequence is ListValue:
                return Method(name, _ => sequence);
            case "append" or "clear" or "extend" or "insert" or "pop" or "remove" or "reverse" or "sort" when sequence is ListValue:
                return UndefinedValue.Unsafe(sequence, name);
            default:
                return null;
        }
    }

    private static FunctionValue Method(string name, Func<Arguments, object> function) => new($"<method {name}>", (_, arguments) => function(arguments));

    private static long Index(RenderState state, SequenceValue sequence, Arguments arguments)
    {
        object?[] given = arguments.Bind("index", 1, "/value", "/start", "/stop");
        (object start, object stop) = (given[1] ?? 0L, given[2] ?? (long)sequence.Items.Count);
        int from = Integers.Small(start, "a position in a list"), to = Integers.Small(stop, "a position in a list"), count = sequence.Items.Count;
        if (from < 0) from = Math.Max(0, from + count);
        if (to < 0) to += count;
        for (int i = from; i < Math.Min(to, count); i++)
        {
            if (Comparison.Same(sequence.Items[i], given[0]!) || Comparison.Equal(state, sequence.Items[i], given[0]!)) return i;
        }
        throw new TemplateFault("index() did not find the value");
    }
}
