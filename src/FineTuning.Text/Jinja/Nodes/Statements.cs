namespace FineTuning.Text.Jinja;

internal sealed class SequenceStatement(IReadOnlyList<Statement> statements) : Statement
{
    public override IEnumerable<Node> Children => statements;

    protected override Flow Run(RenderState state)
    {
        foreach (Statement statement in statements)
        {
            Flow flow = statement.Execute(state);
            if (flow != Flow.Next) return flow;
        }
        return Flow.Next;
    }
}

internal sealed class TextStatement(string text) : Statement
{
    public override IEnumerable<Node> Children => [];

    protected override Flow Run(RenderState state)
    {
        state.Output.Append(text);
        return Flow.Next;
    }
}

internal sealed class PrintStatement(IReadOnlyList<Expression> values, int line) : Statement(line)
{
    public override IEnumerable<Node> Children => values;

    protected override Flow Run(RenderState state)
    {
        foreach (Expression expression in values)
        {
            object value = expression.Evaluate(state);
            state.Output.Append(Printing.Text(state, value), value is RichText rich ? rich.Spans : []);
        }
        return Flow.Next;
    }
}

internal sealed class IfStatement(IReadOnlyList<(Expression Test, Statement Body)> branches, Statement? otherwise, int line) : Statement(line)
{
    public override IEnumerable<Node> Children =>
        branches.SelectMany(branch => new Node[] { branch.Test, branch.Body }).Concat(otherwise is null ? [] : [otherwise]);

    protected override Flow Run(RenderState state)
    {
        foreach ((Expression test, Statement body) in branches)
        {
            if (Kinds.IsTrue(test.Evaluate(state))) return body.Execute(state);
        }
        return otherwise?.Execute(state) ?? Flow.Next;
    }
}

internal sealed class JumpStatement(Flow flow) : Statement
{
    public override IEnumerable<Node> Children => [];

    protected override Flow Run(RenderState state) => flow;
}

/// <summary>What fails only where it is reached.</summary>
internal sealed class FaultStatement(string problem, int line) : Statement(line)
{
    public override IEnumerable<Node> Children => [];

    protected override Flow Run(RenderState state) => throw new TemplateFault(problem);
}

internal sealed class SetStatement(Expression target, Expression value, int line) : Statement(line)
{
    public override IEnumerable<Node> Children => [value];

    protected override Flow Run(RenderState state)
    {
        Assignment.Assign(state, target, value.Evaluate(state));
        return Flow.Next;
    }
}

/// <summary>{% set x %}text{% endset %}, with filters or without.</summary>
internal sealed class SetBlockStatement(Expression target, Expression? filter, Statement body, int line) : Statement(line)
{
    public override IEnumerable<Node> Children => filter is null ? [body] : [filter, body];

    protected override Flow Run(RenderState state)
    {
        (object text, Flow flow) = state.Capture(body, new Scope(state.Scope));
        if (flow != Flow.Next) return flow;
        Assignment.Assign(state, target, filter is null ? text : FilterStatement.Filtered(state, filter, text));
        return Flow.Next;
    }
}

internal sealed class FilterStatement(Expression filter, Statement body, int line) : Statement(line)
{
    public override IEnumerable<Node> Children => [filter, body];

    public static object Filtered(RenderState state, Expression filter, object text)
    {
        Scope outer = state.Scope;
        state.Scope = new Scope(outer);
        state.Scope.Set(CapturedExpression.Key, text);
        object result = filter.Evaluate(state);
        state.Scope = outer;
        return result;
    }

    protected override Flow Run(RenderState state)
    {
        (object text, Flow flow) = state.Capture(body, new Scope(state.Scope));
        if (flow != Flow.Next) return flow;
        object result = Filtered(state, filter, text);
        state.Output.Append(Printing.Text(state, result), result is RichText rich ? rich.Spans : []);
        return Flow.Next;
    }
}

internal sealed class WithStatement(IReadOnlyList<(Expression Target, Expression Value)> variables, Statement body, int line) : Statement(line)
{
    public override IEnumerable<Node> Children => variables.Select(variable => (Node)variable.Value).Append(body);

    protected override Flow Run(RenderState state)
    {
        object[] values = [.. variables.Select(variable => variable.Value.Evaluate(state))];
        var scope = new Scope(state.Scope);
        for (int i = 0; i < values.Length; i++) Assignment.Assign(state, scope, variables[i].Target, values[i]);
        return state.Run(body, scope);
    }
}

/// <summary>Values to names.</summary>
internal static class Assignment
{
    public static void Assign(RenderState state, Expression target, object value) => Assign(state, state.Scope, target, value);

    public static void Assign(RenderState state, Scope scope, Expression target, object value)
    {
        switch (target)
        {
            case NameExpression name:
                scope.Set(name.Name, value);
                break;
            case NamespaceTarget attribute:
                attribute.Assign(state, value);
                break;
            case TupleExpression tuple:
                List<object> items = Kinds.ToList(state, value is UndefinedValue undefined ? throw undefined.Fault() : value);
                if (items.Count != tuple.Items.Count) throw new TemplateFault($"{items.Count} values were found where {tuple.Items.Count} were expected");
                for (int i = 0; i < items.Count; i++) Assign(state, scope, tuple.Items[i], items[i]);
                break;
            default:
                throw new TemplateFault("only variables can be set");
        }
    }
}
