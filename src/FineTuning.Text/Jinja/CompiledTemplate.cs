using FineTuning.Errors;

namespace FineTuning.Text.Jinja;

/// <summary>A template that has been read. Immutable and thread-safe: each rendering has a state of its own.</summary>
internal sealed class CompiledTemplate
{
    private readonly Statement _body;
    private readonly IReadOnlyDictionary<string, BlockStatement> _blocks;
    private readonly TemplateLimits _limits;
    private readonly string? _origin;

    private CompiledTemplate(Statement body, IReadOnlyDictionary<string, BlockStatement> blocks, TemplateLimits limits, string? origin)
    {
        (_body, _blocks, _limits, _origin) = (body, blocks, limits, origin);
        HasGenerationMarks = NodeChecks.Marks(body);
    }

    /// <summary>Whether it marks generated text anywhere.</summary>
    public bool HasGenerationMarks { get; }

    /// <param name="source">The template.</param>
    /// <param name="limits">Null: the default ones.</param>
    /// <param name="origin">Where it stands, for messages. Null: nowhere.</param>
    /// <exception cref="ChatTemplateException">It is too long, or not written as a template must be.</exception>
    public static CompiledTemplate Parse(string source, TemplateLimits? limits = null, string? origin = null)
    {
        limits ??= TemplateLimits.Default;
        if (source.Length > limits.TemplateCharacters)
            throw new ChatTemplateException($"it has {source.Length:N0} characters; at most {limits.TemplateCharacters:N0} are allowed", origin: origin);
        try
        {
            (Statement body, IReadOnlyDictionary<string, BlockStatement> blocks) = Parser.Parse(source);
            return new(body, blocks, limits, origin);
        }
        catch (TemplateFault fault)
        {
            throw new ChatTemplateException(fault.Message, fault.Line, false, fault, origin);
        }
    }

    /// <exception cref="ChatTemplateException">It failed, refused, or wanted more than it may use.</exception>
    public TemplateOutput Render(IEnumerable<KeyValuePair<string, object>> variables, TimeProvider? clock = null)
    {
        var context = new Scope(Globals.Scope());
        foreach ((string name, object value) in variables) context.Set(name, value);
        var root = new Scope(context);
        root.Set("self", new BlocksValue(_blocks));
        var state = new RenderState(root, new Budget(_limits), clock ?? TimeProvider.System, _blocks);
        try
        {
            _body.Execute(state);
        }
        catch (TemplateFault fault)
        {
            throw new ChatTemplateException(fault.Message, fault.Line ?? (state.Line > 0 ? state.Line : null), fault.IsRefusal, fault, _origin);
        }
        return new(state.Output.ToString(), state.Output.Spans, state.Generations);
    }
}

/// <summary>What a rendering gave.</summary>
/// <param name="Text">The text.</param>
/// <param name="Spans">Where generated text stands in it, in the order in which the blocks ended.</param>
/// <param name="Generations">How many generation blocks came to their end;
/// more than there are spans where a filter changed a captured text beyond recognition.</param>
internal sealed record TemplateOutput(string Text, IReadOnlyList<TextSpan> Spans, int Generations);
