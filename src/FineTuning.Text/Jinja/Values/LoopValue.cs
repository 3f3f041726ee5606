namespace FineTuning.Text.Jinja;

/// <summary>The variable <c>loop</c>: where a loop is. It looks one item ahead, and reads to the end only where the length is asked for.</summary>
internal sealed class LoopValue(RenderState state, IEnumerable<object> source, int? length, int depth, ForStatement? recursion, Scope scope)
{
    private readonly IEnumerator<object> _source = source.GetEnumerator();
    private readonly Queue<object> _ahead = new();
    private object? _before;
    private object? _changed;
    private int _index = -1;

    public object? Current { get; private set; }

    public int Length => length ??= _index + 1 + ReadAll();

    public bool MoveNext()
    {
        if (!LookAhead()) return false;
        _before = Current;
        Current = _ahead.Dequeue();
        _index++;
        return true;
    }

    /// <summary>The items that are still to come.</summary>
    public IEnumerable<object> Rest()
    {
        while (MoveNext()) yield return Current!;
    }

    public object? Attribute(string name) => name switch
    {
        "index" => _index + 1L,
        "index0" => (long)_index,
        "revindex" => (long)Length - _index,
        "revindex0" => (long)Length - _index - 1,
        "first" => _index == 0,
        "last" => !LookAhead(),
        "length" => (long)Length,
        "depth" => depth + 1L,
        "depth0" => (long)depth,
        "previtem" => _index > 0 ? _before! : new UndefinedValue("there is no previous item"),
        "nextitem" => LookAhead() ? _ahead.Peek() : new UndefinedValue("there is no next item"),
        "cycle" => new FunctionValue("loop.cycle", (_, arguments) => Cycle(arguments)),
        "changed" => new FunctionValue("loop.changed", (current, arguments) => Changed(current, arguments)),
        _ => null,
    };

    public object Call(RenderState current, Arguments arguments)
    {
        object?[] bound = arguments.Bind("loop", 1, "iterable");
        return recursion is null ? throw new TemplateFault("a loop without 'recursive' was called") : recursion.Recurse(current, scope, bound[0]!, depth + 1);
    }

    public override string ToString() => $"<LoopContext {_index + 1}/{Length}>";

    private object Cycle(Arguments arguments) => arguments.Positional.Count == 0 ? throw new TemplateFault("loop.cycle() needs something to cycle through")
        : arguments.Positional[_index % arguments.Positional.Count];

    private bool Changed(RenderState current, Arguments arguments)
    {
        var value = new TupleValue(arguments.Positional);
        if (_changed is not null && Comparison.Equal(current, _changed, value)) return false;
        _changed = value;
        return true;
    }

    private bool LookAhead()
    {
        if (_ahead.Count > 0) return true;
        if (!_source.MoveNext()) return false;
        _ahead.Enqueue(_source.Current);
        return true;
    }

    private int ReadAll()
    {
        while (_source.MoveNext())
        {
            state.Budget.AllocateItems(1);
            _ahead.Enqueue(_source.Current);
        }
        return _ahead.Count;
    }
}
