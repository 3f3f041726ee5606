using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using FineTuning.Errors;

namespace FineTuning.Text;

/// <summary>JSON of a file as data, within bounds, with errors that name the file.</summary>
internal static class JsonFile
{
    // Objects and arrays in each other. Whatever was read can be written again.
    private const int Deepest = 128;

    private static readonly JsonSerializerOptions Readable = new()
    {
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, WriteIndented = true, MaxDepth = Deepest + 8,
    };

    /// <summary>The object that a file holds.</summary>
    /// <param name="contents">The file's bytes.</param>
    /// <param name="path">The file, for messages.</param>
    /// <exception cref="CheckpointException">It is no JSON object, nested too deeply, has a key twice, or half a surrogate pair.</exception>
    public static JsonObject Parse(ReadOnlyMemory<byte> contents, string path)
    {
        if (contents.IsEmpty) throw new CheckpointException(path, "it is empty, or no regular file");
        try
        {
            // A byte order mark is no JSON, but some editors write one.
            if (contents.Span.StartsWith("\uFEFF"u8)) contents = contents[3..];
            using JsonDocument document = JsonDocument.Parse(contents, new JsonDocumentOptions { MaxDepth = Deepest });
            return Node(document.RootElement.Clone(), path) as JsonObject ?? throw new CheckpointException(path, "it is not a JSON object");
        }
        catch (Exception fault) when (fault is JsonException or ArgumentException or InvalidOperationException)
        {
            throw new CheckpointException(path, $"it is no valid JSON: {fault.Message}", fault);
        }
    }

    /// <summary>The bytes of a file that holds an object, indented and with characters as they are.</summary>
    public static byte[] Bytes(JsonObject node) => JsonSerializer.SerializeToUtf8Bytes(node, Readable);

    // Half a surrogate pair is refused here, not when it is first read. So is a key that stands twice, a word of a vocabulary too: readers disagree which one
    // holds, and the id of the other would be nobody's.
    private static JsonNode? Node(JsonElement element, string path)
    {
        switch (element.ValueKind)
        {
            case JsonValueKind.Object:
                var node = new JsonObject();
                foreach (JsonProperty property in element.EnumerateObject())
                {
                    if (!node.TryAdd(property.Name, Node(property.Value, path)))
                        throw new CheckpointException(path, $"a key stands twice in one object; remove the wrong one: '{property.Name}'");
                }
                return node;
            case JsonValueKind.Array:
                return new JsonArray([.. element.EnumerateArray().Select(item => Node(item, path))]);
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

    /// <summary>A string. Null: something else.</summary>
    public static string? Text(this JsonNode? node) => node is JsonValue value && value.TryGetValue(out string? text) ? text : null;

    public static string? Text(this JsonObject node, string key) =>
        node.TryGetPropertyValue(key, out JsonNode? value) && value is JsonValue text && text.TryGetValue(out string? result) ? result : null;

    public static bool? Flag(this JsonObject node, string key) =>
        node.TryGetPropertyValue(key, out JsonNode? value) && value is JsonValue flag && flag.TryGetValue(out bool result) ? result : null;

    public static int? Whole(this JsonObject node, string key) =>
        node.TryGetPropertyValue(key, out JsonNode? value) && value is JsonValue number && number.TryGetValue(out int result) ? result : null;

    public static JsonObject? Object(this JsonObject node, string key) => node.TryGetPropertyValue(key, out JsonNode? value) ? value as JsonObject : null;

    public static JsonArray? Array(this JsonObject node, string key) => node.TryGetPropertyValue(key, out JsonNode? value) ? value as JsonArray : null;
}
