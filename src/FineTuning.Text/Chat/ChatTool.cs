using System.Text.Json;
using System.Text.Json.Nodes;
using FineTuning.Errors;
using FineTuning.Text.Jinja;

namespace FineTuning.Text;

/// <summary>A tool that the assistant may call: a function whose parameters are a JSON schema.</summary>
/// <remarks>Immutable and thread-safe.</remarks>
public sealed class ChatTool
{
    /// <summary>A function in the form that templates expect.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="description">What it does, in words for the model.</param>
    /// <param name="parameters">A JSON schema of kind object, copied.</param>
    public ChatTool(string name, string description, JsonObject parameters)
    {
        ArgumentNullException.ThrowIfNull(name);
        ArgumentNullException.ThrowIfNull(description);
        ArgumentNullException.ThrowIfNull(parameters);
        Value = new DictValue().With("type", "function").With(
            "function", new DictValue().With("name", name).With("description", description).With("parameters", JsonValues.Of(parameters)));
    }

    internal ChatTool(DictValue value) => Value = value;

    internal DictValue Value { get; }

    /// <summary>A tool as its JSON stands.</summary>
    /// <param name="tool">A JSON object; it may be disposed afterwards.</param>
    /// <exception cref="ChatTemplateException">It is no object, or is nested deeper than 1000.</exception>
    public static ChatTool FromJson(JsonElement tool) =>
        JsonValues.Of(tool) is DictValue value ? new(value)
            : throw new ChatTemplateException($"a tool is a JSON {tool.ValueKind}; an object with a JSON schema was expected");

    /// <summary>The tool in JSON.</summary>
    public JsonObject ToJson() => JsonValues.ToObject(Value);

    /// <summary>The tool in JSON on one line.</summary>
    public override string ToString() => JsonText.Of(ToJson());
}

/// <summary>A document that the assistant may answer from.</summary>
/// <remarks>Immutable and thread-safe.</remarks>
public sealed class ChatDocument
{
    /// <summary>A document with a title.</summary>
    /// <param name="title">Its title.</param>
    /// <param name="text">Its text.</param>
    public ChatDocument(string title, string text)
    {
        ArgumentNullException.ThrowIfNull(title);
        ArgumentNullException.ThrowIfNull(text);
        Value = new DictValue().With("title", title).With("text", text);
    }

    internal ChatDocument(DictValue value) => Value = value;

    internal DictValue Value { get; }

    /// <summary>A document as its JSON stands.</summary>
    /// <param name="document">A JSON object; it may be disposed afterwards.</param>
    /// <exception cref="ChatTemplateException">It is no object, or is nested deeper than 1000.</exception>
    public static ChatDocument FromJson(JsonElement document) =>
        JsonValues.Of(document) is DictValue value ? new(value)
            : throw new ChatTemplateException($"a document is a JSON {document.ValueKind}; an object with title and text was expected");

    /// <summary>The document in JSON.</summary>
    public JsonObject ToJson() => JsonValues.ToObject(Value);

    /// <summary>The document in JSON on one line.</summary>
    public override string ToString() => JsonText.Of(ToJson());
}
