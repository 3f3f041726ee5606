namespace FineTuning.Text.Jinja;

/// <summary>A part of a parsed template. Immutable once parsed.</summary>
internal abstract class Node(int line)
{
    public int Line { get; } = line;

    /// <summary>How many levels stand below.</summary>
    public int Depth { get; set; }

    public abstract IEnumerable<Node> Children { get; }
}

/// <summary>What has a value.</summary>
internal abstract class Expression(int line = 0) : Node(line)
{
    public object Evaluate(RenderState state)
    {
        state.Budget.Enter();
        if (Line > 0) state.Line = Line;
        object value = Compute(state);
        state.Budget.Leave();
        return value;
    }

    protected abstract object Compute(RenderState state);
}

/// <summary>How a statement ended.</summary>
internal enum Flow
{
    Next,
    Break,
    Continue,
}

/// <summary>What does something.</summary>
internal abstract class Statement(int line = 0) : Node(line)
{
    public Flow Execute(RenderState state)
    {
        state.Budget.Enter();
        if (Line > 0) state.Line = Line;
        Flow flow = Run(state);
        state.Budget.Leave();
        return flow;
    }

    protected abstract Flow Run(RenderState state);
}
