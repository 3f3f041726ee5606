using System.Collections;
using System.Text;
using System.Text.Json;

namespace FineTuning.Examples;

/// <summary>A JSON file that holds a list of objects (or an object of equally long lists, read as columns).</summary>
/// <remarks>Immutable; each enumeration reads the file as a whole. Enumerations may run at once.</remarks>
public sealed class JsonFile : IEnumerable<JsonRow>
{
    private readonly string _path;
    private readonly JsonReadingOptions _options;

    private JsonFile(string path, JsonReadingOptions options) => (_path, _options) = (path, options);

    /// <summary>Reads a JSON file.</summary>
    /// <param name="path">The file; opened anew each time the rows are enumerated.</param>
    /// <param name="options">The key of the list, limits and what happens with problems; null: the defaults.</param>
    public static JsonFile Read(string path, JsonReadingOptions? options = null)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(path);
        return new(path, options ?? new JsonReadingOptions());
    }

    /// <inheritdoc/>
    public IEnumerator<JsonRow> GetEnumerator()
    {
        var problems = new ProblemSink(_path, _options.OnProblem);
        JsonElement root = Parse(problems);
        if (_options.Field is { } field)
        {
            if (root.ValueKind != JsonValueKind.Object || !root.TryGetProperty(field, out root)) throw problems.Refusal(null, $"there is no key '{field}' in which a list could stand");
        }
        if (root.ValueKind == JsonValueKind.Object) root = Rows(root, problems);
        if (root.ValueKind != JsonValueKind.Array) throw problems.Refusal(null, $"{JsonRow.Kind(root)} was found where a list of objects was expected");
        int place = 0;
        foreach (JsonElement element in root.EnumerateArray())
        {
            place++;
            if (element.ValueKind != JsonValueKind.Object)
            {
                problems.Error(null, $"record {place} is {JsonRow.Kind(element)}; an object with keys was expected");
                continue;
            }
            if (JsonChecks.Report(element, null, problems)) yield return new JsonRow(_path, place, element);
        }
        if (place == 0) problems.Error(null, "the file holds no records");
    }

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    private JsonElement Parse(ProblemSink problems)
    {
        using StreamReader reader = DataFile.Open(_path, null);
        if (reader.BaseStream.Length > _options.LongestText) throw problems.Refusal(null, $"the file has {reader.BaseStream.Length:N0} bytes, more than LongestText ({_options.LongestText:N0}); use JSON lines for large data");
        try
        {
            using JsonDocument document = JsonDocument.Parse(reader.ReadToEnd(), _options.Parsing);
            return document.RootElement.Clone();
        }
        catch (JsonException failure)
        {
            throw problems.Refusal((int)(failure.LineNumber ?? 0) + 1, $"not valid JSON: {failure.Message.Split(" LineNumber", 2)[0]}", failure);
        }
        catch (DecoderFallbackException failure)
        {
            throw problems.Refusal(DataFile.FirstInvalidByte(_path)?.Line, "the bytes are not valid UTF-8; save the file as UTF-8", failure);
        }
    }

    private static JsonElement Rows(JsonElement columns, ProblemSink problems)
    {
        JsonProperty[] lists = [.. columns.EnumerateObject()];
        if (lists.Length == 0 || lists.Any(list => list.Value.ValueKind != JsonValueKind.Array || list.Value.GetArrayLength() != lists[0].Value.GetArrayLength()))
        {
            throw problems.Refusal(null, "an object was found where a list of objects was expected; if the list stands under a key, name it in the options (Field)");
        }
        problems.Remark(null, "the file is an object of equally long lists; they are read as columns");
        using var stream = new MemoryStream();
        using (var writer = new Utf8JsonWriter(stream, new JsonWriterOptions { MaxDepth = 2000 }))
        {
            writer.WriteStartArray();
            for (int row = 0; row < lists[0].Value.GetArrayLength(); row++)
            {
                writer.WriteStartObject();
                foreach (JsonProperty list in lists)
                {
                    writer.WritePropertyName(list.Name);
                    list.Value[row].WriteTo(writer);
                }
                writer.WriteEndObject();
            }
            writer.WriteEndArray();
        }
        using JsonDocument document = JsonDocument.Parse(stream.ToArray(), new JsonDocumentOptions { MaxDepth = 2000 });
        return document.RootElement.Clone();
    }
}
