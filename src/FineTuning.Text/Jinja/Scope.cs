namespace FineTuning.Text.Jinja;

/// <summary>Names and their values; what a scope does not hold, the one around it may.</summary>
internal sealed class Scope(Scope? parent)
{
    private Dictionary<string, object>? _values;

    public Scope? Parent { get; } = parent;

    public void Set(string name, object value) => (_values ??= new(StringComparer.Ordinal))[name] = value;

    public object? Find(string name)
    {
        for (Scope? scope = this; scope is not null; scope = scope.Parent)
        {
            if (scope._values is not null && scope._values.TryGetValue(name, out object? value)) return value;
        }
        return null;
    }
}
