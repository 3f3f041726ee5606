using FineTuning.Errors;
using FineTuning.Text.Jinja;

namespace FineTuning.Text;

/// <summary>What a template is given: messages as the reference prepares them, and the variables beside them.</summary>
internal static class ChatMessages
{
    private static readonly string[] ReasoningFields = ["reasoning_content", "thinking", "reasoning"];

    /// <summary>A message without what is null, its reasoning under each of the names that templates know.</summary>
    public static DictValue Prepared(DictValue fields)
    {
        var message = new DictValue();
        object? reasoning = ReasoningFields.Select(name => fields.Find(name)).FirstOrDefault(value => value is not (null or NoneValue));
        if (reasoning is not null) message.With("thinking", reasoning);
        foreach ((object name, object value) in fields.Entries)
        {
            if (value is not NoneValue) message.With(name, value);
        }
        return reasoning is null ? message : message.With("reasoning_content", reasoning);
    }

    public static List<KeyValuePair<string, object>> Variables(
        IReadOnlyList<object> messages, IReadOnlyDictionary<string, string> specialTokens, ChatOptions options)
    {
        var variables = new List<KeyValuePair<string, object>>();
        void Add(string name, object value) => variables.Add(new(name, value));
        foreach ((string role, string token) in specialTokens) Add(role, token);
        foreach ((string name, System.Text.Json.Nodes.JsonNode? value) in options.Variables) Add(name, JsonValues.Of(value));
        Add("messages", new ListValue(messages));
        Add("tools", options.Tools is { } tools ? new ListValue([.. tools.Select(tool => (object)tool.Value)]) : NoneValue.Instance);
        Add("documents", options.Documents is { } documents ? new ListValue([.. documents.Select(document => (object)document.Value)]) : NoneValue.Instance);
        Add("add_generation_prompt", options.AddGenerationPrompt);
        return variables;
    }

    /// <summary>The fields that hold the same reasoning as a field does, itself included; a field that holds none is alone.</summary>
    public static IReadOnlyList<string> Aliases(DictValue message, string field)
    {
        if (!ReasoningFields.Contains(field)) return [field];
        object value = message.Find(field)!;
        return [.. ReasoningFields.Where(name => message.Find(name) is { } other
            && (ReferenceEquals(other, value) || (Kinds.Text(other) is { } text && text == Kinds.Text(value))))];
    }
}

/// <summary>A last turn that is to be continued: a mark is put behind its text, and the rendering is cut where the mark comes out.</summary>
internal sealed class ContinuedMessage
{
    private const string Mark = "CONTINUE_FINAL_MESSAGE_TAG", SpacedMark = Mark + " ";

    private readonly string _field, _value;

    /// <exception cref="ChatTemplateException">The last turn has no such text, or the template does not know the field.</exception>
    public ContinuedMessage(DictValue last, string field, string template)
    {
        _field = field;
        if (last.Find(field) is not { } value) throw Refused($"the last turn has no '{field}'");
        IReadOnlyList<string> fields = ChatMessages.Aliases(last, field);
        if (!fields.Any(name => template.Contains(name, StringComparison.Ordinal))) throw Refused($"the template never reads '{field}'");
        (object marked, _value) = Marked(value);
        Message = fields.Aggregate(last, (message, name) => JsonValues.Changed(message, name, marked));
    }

    /// <summary>The last turn with the mark.</summary>
    public DictValue Message { get; }

    /// <summary>Where the rendering is to be cut.</summary>
    /// <exception cref="ChatTemplateException">The template has changed the text or left it out.</exception>
    public int CutOf(string text)
    {
        int at = text.LastIndexOf(Mark, StringComparison.Ordinal);
        if (at < 0 || !text.Contains(Stripped(_value), StringComparison.Ordinal))
            throw Refused("the template leaves its text out, or writes it differently than it stands");
        // A template that trims has taken the mark's space; what precedes the mark would have been trimmed as well.
        return text.AsSpan(at).StartsWith(SpacedMark, StringComparison.Ordinal) ? at : WhiteSpace.TrimmedEnd(text.AsSpan(0, at));
    }

    private static string Stripped(string text)
    {
        ReadOnlySpan<char> rest = text.AsSpan(0, WhiteSpace.TrimmedEnd(text));
        return rest[WhiteSpace.TrimmedStart(rest)..].ToString();
    }

    private (object Marked, string Value) Marked(object value)
    {
        if (Kinds.Text(value) is { } text) return (text + SpacedMark, text);
        if (value is not ListValue parts) throw Refused($"its '{_field}' is a {Kinds.Of(value)}; text, or a list with a part of text was expected");
        for (int i = parts.Items.Count - 1; i >= 0; i--)
        {
            if (parts.Items[i] is not DictValue part || part.Find("text") is not { } last) continue;
            string content = Kinds.Text(last) ?? throw Refused($"the 'text' of its last part is a {Kinds.Of(last)}");
            object[] items = [.. parts.Items];
            items[i] = JsonValues.Changed(part, "text", content + SpacedMark);
            return (new ListValue(items), content);
        }
        throw Refused("none of its parts is text");
    }

    private static ChatTemplateException Refused(string problem) => new($"the last turn cannot be continued: {problem}");
}
