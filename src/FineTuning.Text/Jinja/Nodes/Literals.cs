namespace FineTuning.Text.Jinja;

internal sealed class ConstantExpression(object value) : Expression
{
    public override IEnumerable<Node> Children => [];

    protected override object Compute(RenderState state) => value;
}

internal sealed class NameExpression(string name, int line) : Expression(line)
{
    public string Name { get; } = name;

    public override IEnumerable<Node> Children => [];

    protected override object Compute(RenderState state) => state.Scope.Find(Name) ?? UndefinedValue.Name(Name);
}

/// <summary>An attribute of a namespace, as the target of a set.</summary>
internal sealed class NamespaceTarget(string name, string attribute, int line) : Expression(line)
{
    public override IEnumerable<Node> Children => [];

    public void Assign(RenderState state, object value)
    {
        if (state.Scope.Find(name) is not NamespaceValue space) throw new TemplateFault($"'{name}' is no namespace: only a namespace's attributes can be set");
        space.Set(attribute, value);
    }

    protected override object Compute(RenderState state) => throw new TemplateFault($"'{name}.{attribute}' cannot be read here");
}

/// <summary>The text of the block that a filter is applied to.</summary>
internal sealed class CapturedExpression : Expression
{
    /// <summary>The name the text goes by; no template can write it.</summary>
    public const string Key = "{captured}";

    public override IEnumerable<Node> Children => [];

    protected override object Compute(RenderState state) => state.Scope.Find(Key)!;
}

internal sealed class ListExpression(IReadOnlyList<Expression> items) : Expression
{
    public override IEnumerable<Node> Children => items;

    protected override object Compute(RenderState state)
    {
        state.Budget.AllocateList(items.Count);
        return new ListValue([.. items.Select(item => item.Evaluate(state))]);
    }
}

internal sealed class TupleExpression(IReadOnlyList<Expression> items) : Expression
{
    public IReadOnlyList<Expression> Items => items;

    public override IEnumerable<Node> Children => items;

    protected override object Compute(RenderState state)
    {
        state.Budget.AllocateList(items.Count);
        return new TupleValue((IReadOnlyList<object>)[.. items.Select(item => item.Evaluate(state))]);
    }
}

internal sealed class DictionaryExpression(IReadOnlyList<(Expression Key, Expression Value)> entries) : Expression
{
    public override IEnumerable<Node> Children => entries.SelectMany(entry => new[] { entry.Key, entry.Value });

    protected override object Compute(RenderState state)
    {
        state.Budget.AllocateList(2 * entries.Count);
        var dictionary = new DictValue();
        foreach ((Expression key, Expression value) in entries) dictionary.With(key.Evaluate(state), value.Evaluate(state));
        return dictionary;
    }
}
