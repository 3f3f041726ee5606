namespace FineTuning.Text.Jinja;

/// <summary>A parameter of a macro.</summary>
internal sealed record Parameter(string Name, Expression? Default);

/// <summary>A macro, or the body of a call block.</summary>
internal sealed class MacroDefinition(string name, IReadOnlyList<Parameter> parameters, Statement body)
{
    public string Name { get; } = name;

    public IReadOnlyList<Parameter> Parameters { get; } = parameters;

    public Statement Body { get; } = body;

    public bool ReadsCaller { get; } = NodeChecks.Reads(body, "caller");

    public bool ReadsRest { get; } = NodeChecks.Reads(body, "varargs");

    public bool ReadsNamedRest { get; } = NodeChecks.Reads(body, "kwargs");

    public IEnumerable<Node> Children => Parameters.Select(parameter => parameter.Default).OfType<Node>().Append(Body);

    public bool Has(string parameter) => Parameters.Any(own => own.Name == parameter);
}

internal sealed class MacroStatement(MacroDefinition macro, int line) : Statement(line)
{
    public override IEnumerable<Node> Children => macro.Children;

    protected override Flow Run(RenderState state)
    {
        state.Scope.Set(macro.Name, new MacroValue(macro, state.Scope));
        return Flow.Next;
    }
}

/// <summary>{% call f() %}text{% endcall %}: the text becomes what the macro's caller() gives.</summary>
internal sealed class CallBlockStatement(CallExpression call, MacroDefinition caller, int line) : Statement(line)
{
    public override IEnumerable<Node> Children => caller.Children.Prepend(call);

    protected override Flow Run(RenderState state)
    {
        object result = call.Call(state, new MacroValue(caller, state.Scope));
        state.Output.Append(Printing.Text(state, result), result is RichText rich ? rich.Spans : []);
        return Flow.Next;
    }
}

/// <summary>{% generation %}: what the assistant said. Where its text stands is noted.</summary>
internal sealed class GenerationStatement(Statement body, int line) : Statement(line)
{
    public override IEnumerable<Node> Children => [body];

    protected override Flow Run(RenderState state)
    {
        var scope = new Scope(state.Scope);
        scope.Set("caller", new UndefinedValue("a generation block has no caller"));
        int start = state.Output.Length;
        (object text, _) = state.Capture(body, scope);
        state.Output.Append(Kinds.Text(text)!, text is RichText rich ? rich.Spans : []);
        state.Output.Spans.Add(new(start, state.Output.Length));
        state.Generations++;
        return Flow.Next;
    }
}

/// <summary>{% block %}: without inheritance, its text in place; self.name() writes it again.</summary>
internal sealed class BlockStatement(string name, bool scoped, Statement body, int line) : Statement(line)
{
    public string Name { get; } = name;

    public override IEnumerable<Node> Children => [body];

    public object Text(RenderState state)
    {
        state.Budget.Enter();
        object text = state.Capture(body, new Scope(state.Root)).Text;
        state.Budget.Leave();
        return text;
    }

    protected override Flow Run(RenderState state)
    {
        state.Run(body, new Scope(scoped ? state.Scope : state.Root));
        return Flow.Next;
    }
}
