using System.Text.Json;
using System.Text.Json.Nodes;
using FineTuning.Text;

namespace FineTuning.Examples;

/// <summary>The tools of a record: a list, or the text of one, of functions with or without the wrapper <c>{"type": "function", "function": ...}</c>.</summary>
internal static class ToolList
{
    private static readonly JsonDocumentOptions Deep = new() { MaxDepth = 1000, AllowDuplicateProperties = false };

    /// <summary>The tools. Null: the record has none.</summary>
    /// <exception cref="RecordFault">They are no list of objects.</exception>
    public static IReadOnlyList<ChatTool>? Read(JsonElement record)
    {
        if (record.Optional("tools") is not { } tools) return null;
        if (tools.ValueKind != JsonValueKind.String) return List(tools);
        string text = RecordValues.TextOf(tools, "'tools'");
        if (string.IsNullOrWhiteSpace(text)) return null;
        try
        {
            using JsonDocument document = JsonDocument.Parse(text, Deep);
            return List(document.RootElement);
        }
        catch (JsonException fault)
        {
            throw new RecordFault($"'tools' is a text that is no valid JSON: {fault.Message}");
        }
    }

    private static List<ChatTool>? List(JsonElement tools)
    {
        if (tools.ValueKind != JsonValueKind.Array) throw new RecordFault($"'tools' is {JsonRow.Kind(tools)}; a list of functions was expected");
        var read = new List<ChatTool>(tools.GetArrayLength());
        foreach (JsonElement tool in tools.EnumerateArray())
        {
            if (tool.ValueKind != JsonValueKind.Object) throw new RecordFault($"tool {read.Count + 1} is {JsonRow.Kind(tool)}; an object was expected");
            read.Add(tool.TryGetProperty("function", out _) || tool.TryGetProperty("type", out _) ? ChatTool.FromJson(tool) : Wrapped(tool));
        }
        return read.Count > 0 ? read : null;
    }

    private static ChatTool Wrapped(JsonElement function)
    {
        var wrapper = new JsonObject { ["type"] = "function", ["function"] = JsonNode.Parse(function.GetRawText(), documentOptions: Deep) };
        using JsonDocument document = JsonDocument.Parse(wrapper.ToJsonString(), Deep);
        return ChatTool.FromJson(document.RootElement);
    }
}
