namespace FineTuning.Text.Jinja;

/// <summary>One rendering while it runs: where it is, what it may still use, what it has written. Used by one thread.</summary>
internal sealed class RenderState
{
    public RenderState(Scope root, Budget budget, TimeProvider clock, IReadOnlyDictionary<string, BlockStatement> blocks)
    {
        (Root, Scope, Budget, Clock, Blocks) = (root, root, budget, clock, blocks);
        Output = new OutputBuffer(budget);
    }

    public Budget Budget { get; }

    public TimeProvider Clock { get; }

    /// <summary>The scope of the template itself, which blocks see.</summary>
    public Scope Root { get; }

    public Scope Scope { get; set; }

    /// <summary>What is written to: the page, or a text that is captured.</summary>
    public OutputBuffer Output { get; set; }

    public IReadOnlyDictionary<string, BlockStatement> Blocks { get; }

    /// <summary>The line of the template that is at work.</summary>
    public int Line { get; set; }

    /// <summary>Generation blocks that came to their end.</summary>
    public int Generations { get; set; }

    /// <summary>Runs statements whose text is captured, in a scope of their own.</summary>
    public (object Text, Flow Flow) Capture(Statement body, Scope scope)
    {
        (Scope outerScope, OutputBuffer outer) = (Scope, Output);
        (Scope, Output) = (scope, new OutputBuffer(Budget));
        try
        {
            Flow flow = body.Execute(this);
            return (Output.ToValue(), flow);
        }
        finally
        {
            (Scope, Output) = (outerScope, outer);
        }
    }

    /// <summary>Runs statements in a scope of their own.</summary>
    public Flow Run(Statement body, Scope scope)
    {
        Scope outer = Scope;
        Scope = scope;
        try
        {
            return body.Execute(this);
        }
        finally
        {
            Scope = outer;
        }
    }
}
