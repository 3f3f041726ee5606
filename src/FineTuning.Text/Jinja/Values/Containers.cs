namespace FineTuning.Text.Jinja;

/// <summary>A list or a tuple; never changed once it is made.</summary>
internal abstract class SequenceValue(IReadOnlyList<object> items)
{
    public IReadOnlyList<object> Items { get; } = items;
}

/// <summary>A list.</summary>
internal sealed class ListValue(IReadOnlyList<object> items) : SequenceValue(items);

/// <summary>A tuple.</summary>
internal class TupleValue(IReadOnlyList<object> items) : SequenceValue(items)
{
    public TupleValue(params object[] items)
        : this((IReadOnlyList<object>)items)
    {
    }
}

/// <summary>What groupby gives: a key and its items.</summary>
internal sealed class GroupValue(object key, ListValue items) : TupleValue(key, items)
{
    public object? Find(string name) => name switch { "grouper" => Items[0], "list" => Items[1], _ => null };
}

/// <summary>A dictionary in the order of insertion; 1, 1.0 and true are one key.</summary>
internal sealed class DictValue
{
    private readonly OrderedDictionary<object, object> _entries = new(KeyComparer.Instance);

    public int Count => _entries.Count;

    public IEnumerable<KeyValuePair<object, object>> Entries => _entries;

    public object? Find(object key) => _entries.TryGetValue(key, out object? value) ? value : null;

    /// <summary>Only while it is made.</summary>
    public DictValue With(object key, object value)
    {
        _entries[key] = value;
        return this;
    }
}

/// <summary>What keys(), values() and items() give.</summary>
internal sealed class DictView(DictValue owner, string name)
{
    public DictValue Owner { get; } = owner;

    /// <summary>keys, values or items.</summary>
    public string Name { get; } = name;

    public IEnumerable<object> Items => Name switch
    {
        "keys" => Owner.Entries.Select(entry => entry.Key),
        "values" => Owner.Entries.Select(entry => entry.Value),
        _ => Owner.Entries.Select(entry => (object)new TupleValue(entry.Key, entry.Value)),
    };
}

/// <summary>A sequence that is computed while it is read, once.</summary>
internal sealed class GeneratorValue(IEnumerable<object> source)
{
    private IEnumerator<object>? _items;

    public IEnumerable<object> Rest()
    {
        _items ??= source.GetEnumerator();
        while (_items.MoveNext()) yield return _items.Current;
    }
}

/// <summary>The one kind of value a template can change.</summary>
internal sealed class NamespaceValue
{
    private readonly OrderedDictionary<string, object> _attributes = new(StringComparer.Ordinal);

    public IEnumerable<KeyValuePair<string, object>> Attributes => _attributes;

    public object? Find(string name) => _attributes.TryGetValue(name, out object? value) ? value : null;

    public void Set(string name, object value)
    {
        if (name.StartsWith('_')) throw new TemplateFault($"a namespace cannot hold '{name}': names that begin with an underscore are refused");
        _attributes[name] = value;
    }
}
