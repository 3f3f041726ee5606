using System.Text.Json;
using System.Text.Json.Nodes;
using FineTuning.Errors;
using FineTuning.Text.Jinja;

namespace FineTuning.Text;

/// <summary>
/// One message of a conversation, as templates see it: an ordered set of fields. The usual ones have properties;
/// all of them come from and go to JSON unchanged, those that this library does not know included.
/// </summary>
/// <remarks>Immutable and thread-safe; change a copy with <c>with</c>. Two turns are equal where their fields are.</remarks>
public sealed record ChatTurn
{
    private readonly DictValue _fields;

    /// <summary>A turn of text.</summary>
    /// <param name="role">Who speaks: system, user, assistant, tool, or what else the template knows.</param>
    /// <param name="content">What is said. Null: nothing, for example beside tool calls.</param>
    public ChatTurn(string role, string? content)
    {
        ArgumentNullException.ThrowIfNull(role);
        _fields = new DictValue().With("role", role).With("content", content ?? (object)NoneValue.Instance);
    }

    internal ChatTurn(DictValue fields) => _fields = fields;

    /// <summary>Who speaks; empty where the message says nothing.</summary>
    public string Role
    {
        get => Text("role") ?? "";
        init => _fields = JsonValues.Changed(_fields, "role", value ?? throw new ArgumentNullException(nameof(Role)));
    }

    /// <summary>What is said; null where it is nothing, or no plain text (parts, for example, which <see cref="this[string]"/> gives).</summary>
    public string? Content
    {
        get => Text("content");
        init => _fields = JsonValues.Changed(_fields, "content", value ?? (object)NoneValue.Instance);
    }

    /// <summary>What was thought before it was said. Null: nothing. Templates see it as <c>reasoning_content</c> and as <c>thinking</c>.</summary>
    public string? Reasoning
    {
        get => Text("reasoning_content") ?? Text("thinking") ?? Text("reasoning");
        init => _fields = JsonValues.Changed(JsonValues.Changed(JsonValues.Changed(_fields, "thinking", null), "reasoning", null), "reasoning_content", value);
    }

    /// <summary>The calls that the turn asks for. Empty: none.</summary>
    public IReadOnlyList<ToolCall> ToolCalls
    {
        get => _fields.Find("tool_calls") is ListValue calls ? [.. calls.Items.OfType<DictValue>().Select(call => new ToolCall(call))] : [];
        init
        {
            NullMembers.RequireEntries(value, nameof(ToolCalls));
            _fields = JsonValues.Changed(_fields, "tool_calls", new ListValue([.. value.Select(call => (object)call.Fields)]));
        }
    }

    /// <summary>In a tool's answer, the call that it answers. Null: none is named.</summary>
    public string? ToolCallId
    {
        get => Text("tool_call_id");
        init => _fields = JsonValues.Changed(_fields, "tool_call_id", value);
    }

    /// <summary>The name of the speaker or of the tool. Null: none.</summary>
    public string? Name
    {
        get => Text("name");
        init => _fields = JsonValues.Changed(_fields, "name", value);
    }

    /// <summary>A field as JSON, a copy; null where there is none, or where it is null.</summary>
    /// <param name="field">Its name.</param>
    public JsonNode? this[string field] => _fields.Find(field ?? throw new ArgumentNullException(nameof(field))) is { } value ? JsonValues.ToNode(value) : null;

    internal DictValue Fields => _fields;

    /// <summary>This turn with a field of any kind: content in parts, or what your own template expects.</summary>
    /// <param name="field">Its name.</param>
    /// <param name="value">JSON, which is copied.</param>
    /// <exception cref="ChatTemplateException">The value is nested deeper than 1000.</exception>
    public ChatTurn With(string field, JsonNode? value)
    {
        ArgumentNullException.ThrowIfNull(field);
        return new(JsonValues.Changed(_fields, field, JsonValues.Of(value)));
    }

    /// <summary>A message in the usual JSON form, for example <c>{"role": "user", "content": "Hi"}</c>; every field is kept.</summary>
    /// <param name="message">A JSON object; it may be disposed afterwards.</param>
    /// <exception cref="TrainingDataException">It is no object.</exception>
    /// <exception cref="ChatTemplateException">It is nested deeper than 1000.</exception>
    public static ChatTurn FromJson(JsonElement message) =>
        JsonValues.Of(message) is DictValue fields ? new(fields)
            : throw new TrainingDataException($"a message is a JSON {message.ValueKind}; an object with role and content was expected");

    /// <summary>A conversation in the usual JSON form: an array of messages.</summary>
    /// <param name="messages">The text of the array.</param>
    /// <exception cref="TrainingDataException">It is no JSON, no array, has a key twice, or one of its messages is no object.</exception>
    public static IReadOnlyList<ChatTurn> ListFromJson(string messages)
    {
        ArgumentNullException.ThrowIfNull(messages);
        try
        {
            using JsonDocument document = JsonDocument.Parse(messages, new JsonDocumentOptions { MaxDepth = 1000, AllowDuplicateProperties = false });
            return document.RootElement.ValueKind == JsonValueKind.Array ? [.. document.RootElement.EnumerateArray().Select(FromJson)]
                : throw new TrainingDataException($"a conversation is a JSON {document.RootElement.ValueKind}; an array of messages was expected");
        }
        catch (Exception fault) when (fault is JsonException or ArgumentException or InvalidOperationException)
        {
            // Half a surrogate pair, in the text itself or spelled in the name of an entry, is told by other exceptions than what else is wrong with JSON.
            throw new TrainingDataException($"a conversation is no valid JSON: {fault.Message}", fault);
        }
    }

    /// <summary>The message in JSON, its fields in the order in which they came.</summary>
    public JsonObject ToJson() => JsonValues.ToObject(_fields);

    /// <inheritdoc/>
    public bool Equals(ChatTurn? other) => other is not null && (ReferenceEquals(_fields, other._fields) || ToString() == other.ToString());

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(Role, Content);

    /// <summary>The message in JSON on one line.</summary>
    public override string ToString() => JsonText.Of(ToJson());

    private string? Text(string field) => _fields.Find(field) is { } value ? Kinds.Text(value) : null;
}
