using System.Text.Json.Nodes;
using FineTuning.Text.Jinja;

namespace FineTuning.Text;

/// <summary>A call that the assistant asks for.</summary>
/// <remarks>Immutable and thread-safe.</remarks>
public sealed record ToolCall
{
    /// <summary>A call of a function.</summary>
    /// <param name="name">The function's name.</param>
    /// <param name="arguments">Its arguments by name, copied.</param>
    /// <param name="id">What a tool's answer refers to. Null: nothing.</param>
    public ToolCall(string name, JsonObject arguments, string? id = null)
    {
        ArgumentNullException.ThrowIfNull(name);
        ArgumentNullException.ThrowIfNull(arguments);
        Fields = new DictValue().With("type", "function").With("function", new DictValue().With("name", name).With("arguments", JsonValues.Of(arguments)));
        if (id is not null) Fields.With("id", id);
    }

    internal ToolCall(DictValue fields) => Fields = fields;

    /// <summary>The function's name; empty where the call names none.</summary>
    public string Name => Kinds.Text(Function.Find("name") ?? "") ?? "";

    /// <summary>The arguments, a copy: an object, or a text where they came as one. Null: none.</summary>
    public JsonNode? Arguments => Function.Find("arguments") is { } arguments ? JsonValues.ToNode(arguments) : null;

    /// <summary>What a tool's answer refers to. Null: nothing.</summary>
    public string? Id => Kinds.Text(Fields.Find("id") ?? NoneValue.Instance);

    internal DictValue Fields { get; }

    private DictValue Function => Fields.Find("function") as DictValue ?? Fields;

    /// <inheritdoc/>
    public bool Equals(ToolCall? other) => other is not null && (ReferenceEquals(Fields, other.Fields) || ToString() == other.ToString());

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(Name, Id);

    /// <summary>The call in JSON on one line.</summary>
    public override string ToString() => JsonText.Of(JsonValues.ToObject(Fields));
}
