namespace FineTuning.Text.Jinja;

/// <summary>A function of the interpreter.</summary>
internal delegate object TemplateFunction(RenderState state, Arguments arguments);

/// <summary>What a template can call.</summary>
internal abstract class CallableValue
{
    /// <summary>As it prints.</summary>
    public abstract string Description { get; }

    public abstract object Call(RenderState state, Arguments arguments);
}

/// <summary>A global function, or a method bound to its value.</summary>
internal sealed class FunctionValue(string description, TemplateFunction function) : CallableValue
{
    public override string Description { get; } = description;

    public override object Call(RenderState state, Arguments arguments) => function(state, arguments);
}

/// <summary>cycler(...): its items in turn.</summary>
internal sealed class CyclerValue(IReadOnlyList<object> items)
{
    private int _position;

    public object Current => items[_position];

    public object Next()
    {
        object item = Current;
        _position = (_position + 1) % items.Count;
        return item;
    }

    public NoneValue Reset()
    {
        _position = 0;
        return NoneValue.Instance;
    }
}

/// <summary>joiner(...): nothing at the first call, the separator from then on.</summary>
internal sealed class JoinerValue(object separator) : CallableValue
{
    private bool _used;

    public override string Description => "<joiner>";

    public override object Call(RenderState state, Arguments arguments)
    {
        arguments.Bind("joiner", 0);
        if (_used) return separator;
        _used = true;
        return "";
    }
}
