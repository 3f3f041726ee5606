namespace FineTuning.Text.Jinja;

/// <summary>A macro with the scope it was defined in.</summary>
internal sealed class MacroValue(MacroDefinition definition, Scope scope) : CallableValue
{
    public override string Description => $"<Macro '{definition.Name}'>";

    public object? Attribute(string name) => name switch
    {
        "name" => definition.Name,
        "arguments" => new TupleValue([.. definition.Parameters.Select(parameter => (object)parameter.Name)]),
        "catch_kwargs" => definition.ReadsNamedRest,
        "catch_varargs" => definition.ReadsRest,
        "caller" => definition.ReadsCaller,
        _ => null,
    };

    public override object Call(RenderState state, Arguments arguments)
    {
        state.Budget.Enter();
        var inner = new Scope(scope);
        Dictionary<string, object> named = arguments.Named.ToDictionary(entry => entry.Key, entry => entry.Value, StringComparer.Ordinal);
        (Scope outer, state.Scope) = (state.Scope, inner);
        int count = definition.Parameters.Count;
        for (int i = 0; i < count; i++)
        {
            Parameter parameter = definition.Parameters[i];
            object? given = i < arguments.Positional.Count ? arguments.Positional[i] : named.Remove(parameter.Name, out object? byName) ? byName : null;
            inner.Set(parameter.Name, given ?? parameter.Default?.Evaluate(state) ?? new UndefinedValue($"the parameter '{parameter.Name}' was not given"));
        }
        BindSpecial(inner, arguments, named, count);
        state.Scope = outer;
        object text = state.Capture(definition.Body, inner).Text;
        state.Budget.Leave();
        return text;
    }

    private void BindSpecial(Scope inner, Arguments arguments, Dictionary<string, object> named, int count)
    {
        if (definition.ReadsCaller && !definition.Has("caller"))
        {
            inner.Set("caller", named.Remove("caller", out object? caller) ? caller
                : new UndefinedValue($"the macro '{definition.Name}' was called without a call block: no caller is defined"));
        }
        if (definition.ReadsNamedRest && !definition.Has("kwargs"))
        {
            var rest = new DictValue();
            foreach ((string name, object value) in named) rest.With(name, value);
            inner.Set("kwargs", rest);
        }
        else if (named.Count > 0)
        {
            throw new TemplateFault(named.ContainsKey("caller") ? $"the macro '{definition.Name}' never uses the caller it was given"
                : $"the macro '{definition.Name}' takes no argument named '{named.Keys.First()}'");
        }
        if (definition.ReadsRest && !definition.Has("varargs")) inner.Set("varargs", new TupleValue([.. arguments.Positional.Skip(count)]));
        else if (arguments.Positional.Count > count)
            throw new TemplateFault($"the macro '{definition.Name}' takes at most {count} arguments; {arguments.Positional.Count} were given");
    }
}
