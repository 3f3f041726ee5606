namespace FineTuning.Text.Jinja;

internal sealed class AttributeExpression(Expression owner, string name, int line) : Expression(line)
{
    public override IEnumerable<Node> Children => [owner];

    protected override object Compute(RenderState state)
    {
        object value = owner.Evaluate(state);
        state.Line = Line;
        return Lookup.Attribute(value, name);
    }
}

internal sealed class ItemExpression(Expression owner, Expression key, int line) : Expression(line)
{
    public override IEnumerable<Node> Children => [owner, key];

    protected override object Compute(RenderState state)
    {
        object value = owner.Evaluate(state), index = key.Evaluate(state);
        state.Line = Line;
        return Lookup.Item(value, index);
    }
}

/// <summary>start:stop:step inside an index; null where a part is left out.</summary>
internal sealed class SliceExpression(Expression? start, Expression? stop, Expression? step) : Expression
{
    public override IEnumerable<Node> Children => new[] { start, stop, step }.OfType<Node>();

    public (object? Start, object? Stop, object? Step) Parts(RenderState state) => (start?.Evaluate(state), stop?.Evaluate(state), step?.Evaluate(state));

    protected override object Compute(RenderState state) => throw new TemplateFault("a slice is no value");
}

internal sealed class SlicedExpression(Expression owner, SliceExpression slice, int line) : Expression(line)
{
    public override IEnumerable<Node> Children => [owner, slice];

    protected override object Compute(RenderState state)
    {
        object value = owner.Evaluate(state);
        (object? start, object? stop, object? step) = slice.Parts(state);
        return Slicing.Apply(state, value, start, stop, step);
    }
}

/// <summary>What stands in the parentheses of a call.</summary>
internal sealed class ArgumentList
{
    public List<Expression> Positional { get; } = [];

    public List<(string Name, Expression Value)> Named { get; } = [];

    /// <summary>What follows a star.</summary>
    public Expression? Rest { get; set; }

    /// <summary>What follows two stars.</summary>
    public Expression? NamedRest { get; set; }

    public IEnumerable<Node> Children => Positional.Concat(Named.Select(entry => entry.Value)).Concat(new[] { Rest, NamedRest }.OfType<Expression>());

    public Arguments Evaluate(RenderState state)
    {
        if (Positional.Count + Named.Count == 0 && Rest is null && NamedRest is null) return Arguments.None;
        List<object> positional = Positional.ConvertAll(argument => argument.Evaluate(state));
        if (Rest is not null) positional.AddRange(Kinds.ToList(state, Rest.Evaluate(state)));
        List<KeyValuePair<string, object>> named = Named.ConvertAll(entry => new KeyValuePair<string, object>(entry.Name, entry.Value.Evaluate(state)));
        if (NamedRest is not null)
        {
            if (NamedRest.Evaluate(state) is not DictValue rest) throw new TemplateFault("what stands behind '**' is no dictionary");
            foreach ((object key, object value) in rest.Entries)
            {
                string name = Kinds.Text(key) ?? throw new TemplateFault("the names of arguments must be strings");
                if (named.Exists(entry => entry.Key == name)) throw new TemplateFault($"the argument '{name}' is given twice");
                named.Add(new(name, value));
                state.Budget.Step(named.Count);
            }
        }
        return new Arguments(positional, named);
    }
}

internal sealed class CallExpression(Expression function, ArgumentList arguments, int line) : Expression(line)
{
    public override IEnumerable<Node> Children => arguments.Children.Prepend(function);

    public object Call(RenderState state, MacroValue? caller)
    {
        object callee = function.Evaluate(state);
        Arguments given = arguments.Evaluate(state);
        if (caller is not null) given = new Arguments(given.Positional, [.. given.Named, new("caller", caller)]);
        state.Line = Line;
        return callee switch
        {
            CallableValue callable => callable.Call(state, given),
            LoopValue loop => loop.Call(state, given),
            UndefinedValue undefined => throw undefined.Fault(),
            _ => throw new TemplateFault($"a value of kind {Kinds.Of(callee)} cannot be called"),
        };
    }

    protected override object Compute(RenderState state) => Call(state, null);
}

internal sealed class FilterExpression(Expression value, string name, ArgumentList arguments, int line) : Expression(line)
{
    public string Name { get; } = name;

    public override IEnumerable<Node> Children => arguments.Children.Prepend(value);

    protected override object Compute(RenderState state)
    {
        object input = value.Evaluate(state);
        Arguments given = arguments.Evaluate(state);
        state.Line = Line;
        return Filters.Apply(state, Name, input, given);
    }
}

internal sealed class TestExpression(Expression value, string name, ArgumentList arguments, int line) : Expression(line)
{
    public string Name { get; } = name;

    public override IEnumerable<Node> Children => arguments.Children.Prepend(value);

    protected override object Compute(RenderState state)
    {
        object input = value.Evaluate(state);
        Arguments given = arguments.Evaluate(state);
        state.Line = Line;
        return TemplateTests.Apply(state, Name, input, given);
    }
}
