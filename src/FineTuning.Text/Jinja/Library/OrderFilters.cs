namespace FineTuning.Text.Jinja;

/// <summary>Filters that compare items: they ignore case unless told otherwise, and keep the order of equal items.</summary>
internal static class OrderFilters
{
    public static IReadOnlyDictionary<string, TemplateFilter> All { get; } = new Dictionary<string, TemplateFilter>(StringComparer.Ordinal)
    {
        ["sort"] = Sort,
        ["dictsort"] = SortDictionary,
        ["unique"] = (state, value, arguments) => Unique(state, value, arguments),
        ["groupby"] = GroupBy,
        ["min"] = (state, value, arguments) => Extreme(state, "min", value, arguments, largest: false),
        ["max"] = (state, value, arguments) => Extreme(state, "max", value, arguments, largest: true),
    };

    private static Func<object, object> Key(object? attribute, object? caseSensitive, object? otherwise = null)
    {
        Func<object, object> get = SelectionFilters.Getter(attribute, otherwise);
        return caseSensitive is { } flag && Kinds.IsTrue(flag) ? get : item => Folded(get(item));
    }

    private static object Folded(object value) => Kinds.Text(value) is { } text ? Casing.ToLower(text) : value;

    private static ListValue Sort(RenderState state, object value, Arguments arguments)
    {
        object?[] given = arguments.Bind("sort", 0, "reverse", "case_sensitive", "attribute");
        object? attribute = given[2] is NoneValue ? null : given[2];
        Func<object, object>[] keys = attribute is not null && Kinds.Text(attribute) is { } names
            ? [.. names.Split(',').Select(name => Key(name, given[1]))] : [Key(attribute, given[1])];
        // A list of keys even where there is one: equal ones that have no order, as undefined and none, are equal in lists and faults on their own.
        return new ListValue(
            Sorting.Sorted(state, Kinds.ToList(state, value), item => new ListValue([.. keys.Select(one => one(item))]),
                given[0] is { } flag && Kinds.IsTrue(flag)));
    }

    private static ListValue SortDictionary(RenderState state, object value, Arguments arguments)
    {
        object?[] given = arguments.Bind("dictsort", 0, "case_sensitive", "by", "reverse");
        string by = given[1] is null ? "key" : Kinds.Text(given[1]!) ?? "";
        if (by is not ("key" or "value")) throw new TemplateFault("dictsort sorts by 'key' or 'value'");
        if (value is UndefinedValue undefined) throw undefined.Fault();
        if (value is not DictValue dictionary) throw new TemplateFault($"dictsort was given a value of kind {Kinds.Of(value)}; a dictionary was expected");
        Func<object, object> key = Key(by == "key" ? 0L : 1L, given[0]);
        return new ListValue(Sorting.Sorted(state, Kinds.ToList(state, new DictView(dictionary, "items")), key, given[2] is { } flag && Kinds.IsTrue(flag)));
    }

    private static GeneratorValue Unique(RenderState state, object value, Arguments arguments)
    {
        object?[] given = arguments.Bind("unique", 0, "case_sensitive", "attribute");
        return new GeneratorValue(Distinct(state, value, Key(given[1], given[0])));
    }

    private static IEnumerable<object> Distinct(RenderState state, object value, Func<object, object> key)
    {
        var seen = new HashSet<object>(KeyComparer.Instance);
        foreach (object item in Kinds.Iterate(state, value))
        {
            if (!seen.Add(key(item))) continue;
            state.Budget.AllocateItems(1);
            yield return item;
        }
    }

    private static ListValue GroupBy(RenderState state, object value, Arguments arguments)
    {
        object?[] given = arguments.Bind("groupby", 1, "attribute", "default", "case_sensitive");
        Func<object, object> folded = Key(given[0], given[2], given[1]), exact = SelectionFilters.Getter(given[0], given[1]);
        var groups = new List<object>();
        List<object> sorted = Sorting.Sorted(state, Kinds.ToList(state, value), folded);
        for (int start = 0, end; start < sorted.Count; start = end)
        {
            for (end = start + 1; end < sorted.Count && Comparison.Equal(state, folded(sorted[start]), folded(sorted[end]));) end++;
            groups.Add(new GroupValue(exact(sorted[start]), new ListValue(sorted[start..end])));
        }
        return new ListValue(groups);
    }

    private static object Extreme(RenderState state, string name, object value, Arguments arguments, bool largest)
    {
        object?[] given = arguments.Bind(name, 0, "case_sensitive", "attribute");
        Func<object, object> key = Key(given[1], given[0]);
        object? best = null, bestKey = null;
        foreach (object item in Kinds.Iterate(state, value))
        {
            object itemKey = key(item);
            if (bestKey is not null && !(largest ? Comparison.Less(state, bestKey, itemKey) : Comparison.Less(state, itemKey, bestKey))) continue;
            (best, bestKey) = (item, itemKey);
        }
        return best ?? new UndefinedValue($"there is no {name}: the sequence is empty");
    }
}
