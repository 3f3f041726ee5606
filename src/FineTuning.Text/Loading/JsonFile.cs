using System.Text.Json;
using System.Text.Json.Nodes;
using FineTuning.Errors;

namespace FineTuning.Text;

/// <summary>A JSON file read as data, bounded, with errors that name the file.</summary>
internal static class JsonFile
{
    private const long LargestFile = 1L << 30;

    /// <summary>The object in a file; null where the file does not exist.</summary>
    /// <exception cref="CheckpointException">The file is too large or no JSON object.</exception>
    public static JsonObject? TryRead(string folder, string name)
    {
        string path = Path.Combine(folder, name);
        if (!File.Exists(path)) return null;
        if (new FileInfo(path).Length > LargestFile) throw new CheckpointException(path, $"it is larger than {LargestFile >> 20} MiB");
        try
        {
            using FileStream stream = File.OpenRead(path);
            using JsonDocument document = JsonDocument.Parse(stream, new JsonDocumentOptions { MaxDepth = 128 });
            return Node(document.RootElement.Clone()) as JsonObject ?? throw new CheckpointException(path, "it is not a JSON object");
        }
        catch (Exception fault) when (fault is JsonException or ArgumentException or InvalidOperationException)
        {
            throw new CheckpointException(path, $"it is no valid JSON: {fault.Message}", fault);
        }
    }

    // Of a key that stands there twice the last holds, as in the reference's vocabularies; half a surrogate pair is refused here, not when it is first read.
    private static JsonNode? Node(JsonElement element)
    {
        switch (element.ValueKind)
        {
            case JsonValueKind.Object:
                var node = new JsonObject();
                foreach (JsonProperty property in element.EnumerateObject()) node[property.Name] = Node(property.Value);
                return node;
            case JsonValueKind.Array:
                return new JsonArray([.. element.EnumerateArray().Select(Node)]);
            case JsonValueKind.String:
                return JsonValue.Create(element.GetString());
            case JsonValueKind.Number:
                return JsonValue.Create(element);
            case JsonValueKind.Null:
                return null;
            default:
                return JsonValue.Create(element.GetBoolean());
        }
    }

    /// <summary>A string; null: something else.</summary>
    public static string? Text(this JsonNode? node) => node is JsonValue value && value.TryGetValue(out string? text) ? text : null;

    public static string? Text(this JsonObject node, string key) => node.TryGetPropertyValue(key, out JsonNode? value) && value is JsonValue text && text.TryGetValue(out string? result) ? result : null;

    public static bool? Flag(this JsonObject node, string key) => node.TryGetPropertyValue(key, out JsonNode? value) && value is JsonValue flag && flag.TryGetValue(out bool result) ? result : null;

    public static int? Whole(this JsonObject node, string key) => node.TryGetPropertyValue(key, out JsonNode? value) && value is JsonValue number && number.TryGetValue(out int result) ? result : null;

    public static JsonObject? Object(this JsonObject node, string key) => node.TryGetPropertyValue(key, out JsonNode? value) ? value as JsonObject : null;

    public static JsonArray? Array(this JsonObject node, string key) => node.TryGetPropertyValue(key, out JsonNode? value) ? value as JsonArray : null;
}
