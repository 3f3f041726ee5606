using System.Collections;
using System.Text;
using System.Text.Json;

namespace FineTuning.Examples;

/// <summary>A JSON file that holds a list of objects (or an object of equally long lists, read as columns).</summary>
/// <remarks>Immutable; each enumeration reads the file as a whole. Enumerations may run at once. A pipe can be read
/// once; gzip is unpacked on the way.</remarks>
public sealed class JsonFile : IEnumerable<JsonRow>
{
    // Columns become rows: one level more than the deepest file has.
    private const int DepthOfRows = 2100;

    private readonly string _path;
    private readonly JsonReadingOptions _options;

    private JsonFile(string path, JsonReadingOptions options) => (_path, _options) = (path, options);

    /// <summary>Reads a JSON file.</summary>
    /// <param name="path">The file; opened again for each enumeration of the rows.</param>
    /// <param name="options">The key of the list, limits and what happens with problems. Null: the defaults.</param>
    /// <exception cref="Errors.InvalidOptionsException">A limit is out of range.</exception>
    public static JsonFile Read(string path, JsonReadingOptions? options = null)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(path);
        return new(path, (options ?? new JsonReadingOptions()).Validated());
    }

    /// <inheritdoc/>
    public IEnumerator<JsonRow> GetEnumerator()
    {
        var problems = new ProblemSink(_path, _options.OnProblem);
        byte[] json = ReadAll(problems);
        JsonElement root = Parse(json, problems);
        List<int> lines = root.ValueKind is JsonValueKind.Object or JsonValueKind.Array && Usable(root, problems)
            ? JsonRecordLines.Of(json, _options.Field, _options.DeepestNesting) : [];
        if (_options.Field is { } field)
        {
            if (root.ValueKind != JsonValueKind.Object || !root.TryGetProperty(field, out root))
                throw problems.Refusal(null, $"there is no key '{MessageText.Of(field)}' in which a list could stand");
        }
        if (root.ValueKind == JsonValueKind.Object) root = Rows(root, problems);
        if (root.ValueKind != JsonValueKind.Array) throw problems.Refusal(null, $"{JsonRow.Kind(root)} was found where a list of objects was expected");
        int count = 0;
        foreach (JsonElement element in root.EnumerateArray())
        {
            int line = count < lines.Count ? lines[count] : 1;
            count++;
            if (element.ValueKind != JsonValueKind.Object)
            {
                problems.Error(line, $"record {count} is {JsonRow.Kind(element)}; an object with keys was expected");
                continue;
            }
            if (JsonChecks.Report(element, line, problems)) yield return new JsonRow(_path, line, element);
        }
        if (count == 0) problems.Error(null, "the file holds no records");
    }

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    private byte[] ReadAll(ProblemSink problems)
    {
        using var source = new TextSource(_path, null, problems);
        using var bytes = new MemoryStream();
        using var writer = new StreamWriter(bytes, new UTF8Encoding(false));
        var buffer = new char[DataFile.BufferSize];
        long length = 0;
        int line = 1;
        for (int read = source.Read(buffer, line); read > 0; read = source.Read(buffer, line))
        {
            length += read;
            if (length > _options.LongestText)
                throw problems.Refusal(null, $"the file has more than {_options.LongestText:N0} characters, which is LongestText; "
                    + "use JSON lines for large data");
            if (buffer.AsSpan(0, read).Contains('\0')) throw source.Binary(line);
            writer.Write(buffer, 0, read);
            line += buffer.AsSpan(0, read).Count('\n');
        }
        writer.Flush();
        return bytes.ToArray();
    }

    private JsonElement Parse(byte[] json, ProblemSink problems)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(json, _options.Parsing);
            return document.RootElement.Clone();
        }
        catch (JsonException failure)
        {
            throw problems.Refusal((int)(failure.LineNumber ?? 0) + 1, $"not valid JSON: {failure.Message.Split(" LineNumber", 2)[0]}", failure);
        }
    }

    /// <summary>Whether the keys above the records are texts, each once; those of records are looked at one by one.</summary>
    private static bool Usable(JsonElement root, ProblemSink problems)
    {
        if (root.ValueKind != JsonValueKind.Object) return true;
        var seen = new HashSet<string>(StringComparer.Ordinal);
        foreach (JsonProperty property in root.EnumerateObject())
        {
            try
            {
                if (!seen.Add(property.Name))
                    problems.Error(null, $"the key '{MessageText.Of(property.Name)}' occurs twice; where reading goes on, the last one counts");
            }
            catch (InvalidOperationException failure)
            {
                throw problems.Refusal(null, "a key holds half a surrogate pair: no valid text", failure);
            }
        }
        return true;
    }

    private static JsonElement Rows(JsonElement columns, ProblemSink problems)
    {
        if (!JsonChecks.ReportKeys(columns, null, problems)) throw problems.Refusal(null, "a key holds half a surrogate pair: no valid text");
        JsonProperty[] lists = [.. columns.EnumerateObject().Reverse().DistinctBy(list => list.Name, StringComparer.Ordinal).Reverse()];
        if (lists.Length == 0
            || lists.Any(list => list.Value.ValueKind != JsonValueKind.Array || list.Value.GetArrayLength() != lists[0].Value.GetArrayLength()))
        {
            throw problems.Refusal(null, "an object was found where a list of objects was expected; "
                + "if the list stands under a key, name it in the options (Field)");
        }
        problems.Warn(null, "the file is an object of equally long lists; they are read as columns");
        using var stream = new MemoryStream();
        using (var writer = new Utf8JsonWriter(stream, new JsonWriterOptions { MaxDepth = DepthOfRows }))
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
        using JsonDocument document = JsonDocument.Parse(stream.ToArray(), new JsonDocumentOptions { MaxDepth = DepthOfRows });
        return document.RootElement.Clone();
    }
}
