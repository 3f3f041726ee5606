namespace FineTuning.Text.Jinja;

internal sealed class ForStatement(Expression target, Expression items, Expression? filter, bool recursive, Statement body, Statement? otherwise, int line)
    : Statement(line)
{
    public override IEnumerable<Node> Children => new Node?[] { items, filter, body, otherwise }.OfType<Node>();

    /// <summary>The loop over other items, one level deeper; what it writes is its value.</summary>
    public object Recurse(RenderState state, Scope scope, object values, int depth)
    {
        (Scope outerScope, OutputBuffer outer) = (state.Scope, state.Output);
        (state.Scope, state.Output) = (scope, new OutputBuffer(state.Budget));
        state.Budget.Enter();
        Loop(state, values, depth);
        state.Budget.Leave();
        object text = state.Output.ToValue();
        (state.Scope, state.Output) = (outerScope, outer);
        return text;
    }

    // A loop that may call itself is captured from the beginning, as its calls are.
    protected override Flow Run(RenderState state)
    {
        object values = items.Evaluate(state);
        if (!recursive) return Loop(state, values, 0);
        object text = Recurse(state, state.Scope, values, 0);
        state.Output.Append(Kinds.Text(text)!, text is RichText rich ? rich.Spans : []);
        return Flow.Next;
    }

    private Flow Loop(RenderState state, object values, int depth)
    {
        if (Kinds.Items(values) is null)
            throw new TemplateFault($"a value of kind {Kinds.Of(values)} cannot be iterated; a list, dictionary or text was expected");
        Scope outer = state.Scope;
        IEnumerable<object> source = Kinds.Iterate(state, values);
        var loop = new LoopValue(state, filter is null ? source : Filtered(state, outer, source), filter is null ? Kinds.Length(values) : null,
            depth, recursive ? this : null, outer);
        bool completed = false;
        while (loop.MoveNext())
        {
            var scope = new Scope(outer);
            Assignment.Assign(state, scope, target, loop.Current!);
            scope.Set("loop", loop);
            Flow flow = state.Run(body, scope);
            if (flow == Flow.Break) break;
            completed |= flow == Flow.Next;
        }
        return completed || otherwise is null ? Flow.Next : state.Run(otherwise, new Scope(outer));
    }

    private IEnumerable<object> Filtered(RenderState state, Scope outer, IEnumerable<object> source)
    {
        foreach (object item in source)
        {
            Scope before = state.Scope;
            state.Scope = new Scope(outer);
            Assignment.Assign(state, state.Scope, target, item);
            bool kept = Kinds.IsTrue(filter!.Evaluate(state));
            state.Scope = before;
            if (kept) yield return item;
        }
    }
}
