namespace FineTuning.Text.Jinja;

/// <summary>What a call hands over: values by position, then values by name.</summary>
internal sealed class Arguments(IReadOnlyList<object> positional, IReadOnlyList<KeyValuePair<string, object>>? named = null)
{
    public static Arguments None { get; } = new([]);

    public IReadOnlyList<object> Positional { get; } = positional;

    public IReadOnlyList<KeyValuePair<string, object>> Named { get; } = named ?? [];

    /// <summary>The values in the order of the parameters; null where one is left out.</summary>
    /// <param name="function">The name for messages.</param>
    /// <param name="required">How many of the first must be there.</param>
    /// <param name="parameters">The parameters' names; one that begins with '/' is taken by position only.</param>
    public object?[] Bind(string function, int required, params ReadOnlySpan<string> parameters)
    {
        if (Positional.Count > parameters.Length)
            throw new TemplateFault($"{function}() takes at most {parameters.Length} arguments; {Positional.Count} were given");
        var bound = new object?[parameters.Length];
        for (int i = 0; i < Positional.Count; i++) bound[i] = Positional[i];
        foreach ((string name, object value) in Named)
        {
            int position = parameters.IndexOf(name);
            if (position < 0) throw new TemplateFault($"{function}() takes no argument named '{name}'");
            if (bound[position] is not null) throw new TemplateFault($"{function}() was given '{name}' twice");
            bound[position] = value;
        }
        for (int i = 0; i < required; i++)
        {
            if (bound[i] is null) throw new TemplateFault($"{function}() needs the argument '{parameters[i].TrimStart('/')}'");
        }
        return bound;
    }

    /// <summary>Without the first positional ones.</summary>
    public Arguments Skip(int count) => new([.. Positional.Skip(count)], Named);
}
