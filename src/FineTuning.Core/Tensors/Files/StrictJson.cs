using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Unicode;
using FineTuning.Errors;

namespace FineTuning.Tensors;

/// <summary>JSON of which nothing is guessed: UTF-8, each key once, no half of a surrogate pair, and no more values than a checkpoint needs.</summary>
internal static class StrictJson
{
    private const int Deepest = 64;
    private const int MostValues = 1 << 20;

    /// <summary>The object in a file.</summary>
    /// <param name="path">The file.</param>
    /// <param name="limit">The most bytes it may have.</param>
    /// <exception cref="CheckpointException">The file cannot be read, is too large, or is no such object.</exception>
    public static JsonObject ReadObject(string path, long limit) => Object(path, InputFile.Bytes(path, limit));

    /// <exception cref="CheckpointException">It is no such object.</exception>
    public static JsonObject Object(string path, ReadOnlySpan<byte> json) =>
        Node(path, json) as JsonObject ?? throw new CheckpointException(path, "it is not a JSON object");

    /// <param name="path">What messages call it.</param>
    /// <param name="json">UTF-8, with or without a byte order mark.</param>
    /// <exception cref="CheckpointException">It is no JSON, a key stands twice, or a text is no valid Unicode.</exception>
    public static JsonNode? Node(string path, ReadOnlySpan<byte> json)
    {
        if (json.StartsWith("\uFEFF"u8)) json = json[3..];
        if (KnownContents.Of(json[..Math.Min(json.Length, KnownContents.Length)]) is { } known) throw new CheckpointException(path, known);
        if (!Utf8.IsValid(json)) throw new CheckpointException(path, "it is not UTF-8; save it as UTF-8 (UTF-16 and Windows code pages are not read)");
        try
        {
            RequireWhole(path, json);
            return JsonNode.Parse(json, null, new JsonDocumentOptions { MaxDepth = Deepest, AllowDuplicateProperties = false });
        }
        catch (Exception fault) when (fault is JsonException or ArgumentException or InvalidOperationException)
        {
            string message = fault.Message.Length <= 300 ? fault.Message : string.Concat(fault.Message.AsSpan(0, 300), "…");
            throw new CheckpointException(path, $"it is no valid JSON: {message}", fault);
        }
    }

    // Texts are decoded when they are first asked for, which would be too late to name the file.
    private static void RequireWhole(string path, ReadOnlySpan<byte> json)
    {
        var reader = new Utf8JsonReader(json, new JsonReaderOptions { MaxDepth = Deepest });
        for (int values = 0; reader.Read(); values++)
        {
            if (values > MostValues) throw new CheckpointException(path, $"it holds more than {MostValues} values");
            if (reader.TokenType is not (JsonTokenType.String or JsonTokenType.PropertyName) || !reader.ValueIsEscaped) continue;
            try
            {
                _ = reader.GetString();
            }
            catch (InvalidOperationException fault)
            {
                throw new CheckpointException(path, $"the text at byte {reader.TokenStartIndex} holds half of a surrogate pair, which is no character", fault);
            }
        }
    }
}
