using System.Numerics;

namespace FineTuning.Text.Jinja;

/// <summary>The functions every template has.</summary>
internal static class Globals
{
    public const string Dict = "<class 'dict'>";
    public const string NamespaceType = "<class 'namespace'>";

    /// <summary>The scope around all others.</summary>
    public static Scope Scope()
    {
        var scope = new Scope(null);
        scope.Set("range", new FunctionValue("<function range>", (_, arguments) => Range(arguments)));
        scope.Set("dict", new FunctionValue(Dict, MakeDictionary));
        scope.Set("namespace", new FunctionValue(NamespaceType, MakeNamespace));
        scope.Set("cycler", new FunctionValue("<class 'cycler'>", (_, arguments) =>
            arguments.Positional.Count == 0 ? throw new TemplateFault("cycler() needs something to cycle through") : new CyclerValue(arguments.Positional)));
        scope.Set("joiner", new FunctionValue("<class 'joiner'>", (_, arguments) => new JoinerValue(arguments.Bind("joiner", 0, "sep")[0] ?? ", ")));
        scope.Set("lipsum", new FunctionValue("<function lipsum>", (_, _) => throw new TemplateFault("lipsum() is not supported in chat templates")));
        scope.Set("raise_exception", new FunctionValue("<function raise_exception>",
            (state, arguments) => throw new TemplateFault(Printing.Text(state, arguments.Bind("raise_exception", 1, "message")[0]!), isRefusal: true)));
        scope.Set("strftime_now", new FunctionValue("<function strftime_now>", (state, arguments) => DateFormat.Now(state, arguments)));
        return scope;
    }

    public static object FromKeys(RenderState state, Arguments arguments)
    {
        object?[] given = arguments.Bind("fromkeys", 1, "/iterable", "/value");
        var dictionary = new DictValue();
        foreach (object key in Kinds.Iterate(state, given[0]!))
        {
            state.Budget.AllocateItems(2);
            dictionary.With(key, given[1] ?? NoneValue.Instance);
        }
        return dictionary;
    }

    private static RangeValue Range(Arguments arguments)
    {
        object?[] given = arguments.Bind("range", 1, "/start", "/stop", "/step");
        BigInteger[] numbers = [.. given.TakeWhile(value => value is not null).Select(value => value is UndefinedValue undefined ? throw undefined.Fault()
            : Integers.From(value!) ?? throw new TemplateFault($"range() was given a value of kind {Kinds.Of(value!)}; integers were expected"))];
        return numbers.Length == 1 ? new RangeValue(0, numbers[0], 1) : new RangeValue(numbers[0], numbers[1], numbers.Length == 3 ? numbers[2] : 1);
    }

    private static DictValue MakeDictionary(RenderState state, Arguments arguments)
    {
        if (arguments.Positional.Count > 1) throw new TemplateFault("dict() takes at most one argument by position");
        var dictionary = new DictValue();
        foreach ((object key, object value) in Pairs(state, "dict", arguments))
        {
            state.Budget.AllocateItems(2);
            dictionary.With(key, value);
        }
        return dictionary;
    }

    private static NamespaceValue MakeNamespace(RenderState state, Arguments arguments)
    {
        if (arguments.Positional.Count > 1) throw new TemplateFault("namespace() takes at most one argument by position");
        var space = new NamespaceValue();
        foreach ((object key, object value) in Pairs(state, "namespace", arguments))
            space.Set(Kinds.Text(key) ?? throw new TemplateFault("the names of a namespace must be strings"), value);
        return space;
    }

    private static IEnumerable<(object Key, object Value)> Pairs(RenderState state, string function, Arguments arguments)
    {
        object source = arguments.Positional.Count == 0 ? NoneValue.Instance : arguments.Positional[0];
        if (source is DictValue dictionary)
        {
            foreach ((object key, object value) in dictionary.Entries) yield return (key, value);
        }
        else if (arguments.Positional.Count > 0)
        {
            foreach (object pair in Kinds.Iterate(state, source))
            {
                List<object> parts = Kinds.ToList(state, pair);
                yield return parts.Count == 2 ? (parts[0], parts[1])
                    : throw new TemplateFault($"{function}() was given {parts.Count} values where a key and a value were expected");
            }
        }
        foreach ((string name, object value) in arguments.Named) yield return (name, value);
    }
}

/// <summary>The variable <c>self</c>: the template's blocks.</summary>
internal sealed class BlocksValue(IReadOnlyDictionary<string, BlockStatement> blocks)
{
    public object? Find(string name) =>
        blocks.TryGetValue(name, out BlockStatement? block) ? new FunctionValue($"<block {name}>", (state, _) => block.Text(state)) : null;
}
