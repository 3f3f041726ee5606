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
            return JsonNode.Parse(stream, null, new JsonDocumentOptions { MaxDepth = 128 }) as JsonObject ?? throw new CheckpointException(path, "it is not a JSON object");
        }
        catch (Exception fault) when (fault is JsonException or ArgumentException)
        {
            throw new CheckpointException(path, $"it is no valid JSON: {fault.Message}", fault);
        }
    }

    public static string? Text(this JsonObject node, string key) => node.TryGetPropertyValue(key, out JsonNode? value) && value is JsonValue text && text.TryGetValue(out string? result) ? result : null;

    public static bool? Flag(this JsonObject node, string key) => node.TryGetPropertyValue(key, out JsonNode? value) && value is JsonValue flag && flag.TryGetValue(out bool result) ? result : null;

    public static int? Whole(this JsonObject node, string key) => node.TryGetPropertyValue(key, out JsonNode? value) && value is JsonValue number && number.TryGetValue(out int result) ? result : null;

    public static JsonObject? Object(this JsonObject node, string key) => node.TryGetPropertyValue(key, out JsonNode? value) ? value as JsonObject : null;

    public static JsonArray? Array(this JsonObject node, string key) => node.TryGetPropertyValue(key, out JsonNode? value) ? value as JsonArray : null;
}
