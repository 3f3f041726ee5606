namespace FineTuning.Text.Jinja;

/// <summary>value.name and value[key]. What begins with an underscore is reached in no value but a dictionary.</summary>
internal static class Lookup
{
    // Attributes that Python's dictionaries really have: they hide keys of that name.
    private static readonly HashSet<string> DictionaryInternals = new(StringComparer.Ordinal)
    {
        "__class__", "__class_getitem__", "__contains__", "__delattr__", "__delitem__", "__dir__", "__doc__", "__eq__", "__format__", "__ge__",
        "__getattribute__", "__getitem__", "__getstate__", "__gt__", "__hash__", "__init__", "__init_subclass__", "__ior__", "__iter__", "__le__",
        "__len__", "__lt__", "__ne__", "__new__", "__or__", "__reduce__", "__reduce_ex__", "__repr__", "__reversed__", "__ror__", "__setattr__",
        "__setitem__", "__sizeof__", "__str__", "__subclasshook__",
    };

    // Those that its undefined values really have: naming one gives another undefined value, naming any other fails.
    private static readonly HashSet<string> UndefinedInternals = new(StringComparer.Ordinal)
    {
        "__class__", "__doc__", "__init__", "__module__", "__slots__", "__str__", "__repr__", "__len__", "__iter__", "__bool__", "__eq__", "__ne__",
        "__hash__", "__dir__", "__new__", "__reduce__", "__reduce_ex__", "__setattr__", "__sizeof__", "__subclasshook__", "__init_subclass__",
        "__getattr__", "__getattribute__", "__delattr__", "__format__", "_undefined_hint", "_undefined_obj", "_undefined_name",
        "_undefined_exception", "_undefined_message", "_fail_with_undefined_error",
    };

    public static object Attribute(object owner, string name) => OwnAttribute(owner, name) ?? Element(owner, name) ?? Missing(owner, name);

    public static object Item(object owner, object key) => owner is UndefinedValue undefined ? throw undefined.Fault()
        : Element(owner, key) ?? (Kinds.Text(key) is { } name ? OwnAttribute(owner, name) : null) ?? Missing(owner, key);

    /// <summary>As the filter attr: an attribute or method, never an element.</summary>
    public static object OnlyAttribute(object owner, string name) => OwnAttribute(owner, name) ?? Missing(owner, name);

    /// <summary>The attribute or method of a value itself. Null: it has none of that name.</summary>
    private static object? OwnAttribute(object owner, string name)
    {
        if (name.StartsWith('_'))
        {
            if (owner is DictValue) return DictionaryInternals.Contains(name) ? UndefinedValue.Unsafe(owner, name) : null;
            bool hidden = owner is not UndefinedValue || UndefinedInternals.Contains(name);
            return hidden ? UndefinedValue.Unsafe(owner, name) : throw ((UndefinedValue)owner).Fault();
        }
        return owner switch
        {
            UndefinedValue undefined => throw undefined.Fault(),
            string or RichText => StringMethods.Find(owner, name),
            DictValue dictionary => ContainerMethods.OfDictionary(dictionary, name),
            GroupValue group when group.Find(name) is { } part => part,
            SequenceValue sequence => ContainerMethods.OfSequence(sequence, name),
            NamespaceValue space => space.Find(name),
            LoopValue loop => loop.Attribute(name),
            MacroValue macro => macro.Attribute(name),
            CyclerValue cycler => name switch
            {
                "current" => cycler.Current,
                "next" => new FunctionValue("<cycler.next>", (_, _) => cycler.Next()),
                "reset" => new FunctionValue("<cycler.reset>", (_, _) => cycler.Reset()),
                _ => null,
            },
            BlocksValue blocks => blocks.Find(name),
            FunctionValue { Description: Globals.Dict } when name == "fromkeys" => new FunctionValue("<dict.fromkeys>", Globals.FromKeys),
            FunctionValue { Description: Globals.NamespaceType } when name == "mro" => UndefinedValue.Unsafe(owner, name),
            RangeValue range => name switch
            {
                "start" => Integers.Of(range.Start),
                "stop" => Integers.Of(range.Stop),
                "step" => Integers.Of(range.Step),
                _ => null,
            },
            bool or long or System.Numerics.BigInteger or double => NumberMethods.Find(owner, name),
            _ => null,
        };
    }

    /// <summary>The element of a container. Null: there is none.</summary>
    private static object? Element(object owner, object key)
    {
        switch (owner)
        {
            case DictValue dictionary:
                return key is ListValue or DictValue ? null : dictionary.Find(key);
            case SequenceValue sequence:
                return Position(key, sequence.Items.Count) is { } position ? sequence.Items[position] : null;
            case RangeValue range:
                return Position(key, range.Count) is { } index ? range[index] : null;
        }
        if (Kinds.Text(owner) is not { } text || Integers.From(key) is null || Position(key, CodePoints.Count(text)) is not { } point) return null;
        int at = CodePoints.Index(text, point);
        return Kinds.Like(owner, text.Substring(at, CodePoints.LengthAt(text, at)));
    }

    private static int? Position(object key, int count)
    {
        if (Integers.From(key) is not { } number) return null;
        if (number < 0) number += count;
        return number >= 0 && number < count ? (int)number : null;
    }

    private static UndefinedValue Missing(object owner, object key) =>
        new(Kinds.Text(key) is { } name ? $"a value of kind {Kinds.Of(owner)} has no '{(name.Length > 80 ? name[..80] : name)}'"
            : $"a value of kind {Kinds.Of(owner)} has no such element");
}
