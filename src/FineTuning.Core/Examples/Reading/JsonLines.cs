using System.Collections;
using System.Text.Json;
using FineTuning.Errors;

namespace FineTuning.Examples;

/// <summary>How JSON is read.</summary>
/// <remarks>Immutable; change a copy with <c>with</c>.</remarks>
public sealed record JsonReadingOptions
{
    private const int MostNesting = 2000;

    /// <summary>The most characters of a line (JSON lines) or of the file (JSON). Default 268,435,456.</summary>
    public int LongestText { get; init; } = 1 << 28;

    /// <summary>The deepest nesting, from 1 to 2000. Default 1000.</summary>
    public int DeepestNesting { get; init; } = 1000;

    /// <summary>JSON: the key of the object in which the list of records stands. Null: the list is the file.</summary>
    public string? Field { get; init; }

    /// <summary>Told of every problem, after which reading goes on as well as it can. Null (default): the first error is thrown.</summary>
    public Action<DataProblem>? OnProblem { get; init; }

    internal JsonDocumentOptions Parsing => new() { MaxDepth = DeepestNesting };

    /// <exception cref="InvalidOptionsException">A limit is out of range.</exception>
    internal JsonReadingOptions Validated()
    {
        var violations = new List<string>();
        if (LongestText < 1) violations.Add($"LongestText is {LongestText}: it is 1 or more");
        if (DeepestNesting is < 1 or > MostNesting) violations.Add($"DeepestNesting is {DeepestNesting}: it is from 1 to {MostNesting}");
        return violations.Count == 0 ? this : throw new InvalidOptionsException(violations);
    }
}

/// <summary>A file with one JSON object a line: its rows, streamed.</summary>
/// <remarks>Immutable; each enumeration opens the file and holds one line at a time. Enumerations may run at once. A pipe can be read
/// once; gzip is unpacked on the way.</remarks>
public sealed class JsonLines : IEnumerable<JsonRow>
{
    private readonly string _path;
    private readonly JsonReadingOptions _options;

    private JsonLines(string path, JsonReadingOptions options) => (_path, _options) = (path, options);

    /// <summary>Reads a file of JSON lines.</summary>
    /// <param name="path">The file; opened again for each enumeration of the rows.</param>
    /// <param name="options">Limits and what happens with problems. Null: the defaults.</param>
    /// <exception cref="InvalidOptionsException">A limit is out of range.</exception>
    public static JsonLines Read(string path, JsonReadingOptions? options = null)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(path);
        return new(path, (options ?? new JsonReadingOptions()).Validated());
    }

    /// <inheritdoc/>
    public IEnumerator<JsonRow> GetEnumerator()
    {
        var problems = new ProblemSink(_path, _options.OnProblem);
        using var source = new TextSource(_path, null, problems);
        var lines = new LineReader(source, problems, _options.LongestText);
        bool any = false;
        while (lines.Read() is { } line)
        {
            if (string.IsNullOrWhiteSpace(line)) continue;
            JsonRow? row = Parse(line, lines.Number, problems, isFirst: !any);
            any = true;
            if (row is not null) yield return row;
        }
        if (!any) problems.Error(null, "the file holds no records");
    }

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    private JsonRow? Parse(string line, int number, ProblemSink problems, bool isFirst)
    {
        JsonElement element;
        try
        {
            using JsonDocument document = JsonDocument.Parse(line, _options.Parsing);
            element = document.RootElement.Clone();
        }
        catch (JsonException failure)
        {
            if (isFirst && line.TrimStart().StartsWith('['))
                throw problems.Refusal(number, "the file is one JSON array over several lines, not one object a line; read it with JsonFile.Read", failure);
            problems.Error(number, $"not valid JSON: {Reason(line, failure)}");
            return null;
        }
        if (element.ValueKind != JsonValueKind.Object)
        {
            problems.Error(number, $"{JsonRow.Kind(element)} was found where an object with keys was expected");
            return null;
        }
        return JsonChecks.Report(element, number, problems) ? new JsonRow(_path, number, element) : null;
    }

    private static string Reason(string line, JsonException failure)
    {
        string location = $"at character {(failure.BytePositionInLine ?? 0) + 1}";
        string trimmed = line.TrimStart('{', ' ', '\t');
        if (trimmed.StartsWith('\'')) return $"single quotes {location} (a printed Python dictionary, perhaps); JSON has double ones";
        int at = (int)Math.Min(failure.BytePositionInLine ?? 0, line.Length);
        string rest = line[at..];
        foreach (string word in new[] { "NaN", "Infinity", "-Infinity", "None", "True", "False" })
        {
            if (rest.StartsWith(word, StringComparison.Ordinal)) return $"{word} {location}, which JSON does not have";
        }
        if (at < line.Length && line[at] < ' ') return $"a control character (U+{(int)line[at]:X4}) {location}, which must be escaped inside a string";
        return failure.Message.Contains("after a single JSON value", StringComparison.Ordinal) ? $"more than one JSON value on the line, {location}"
            : failure.Message.Contains("trailing comma", StringComparison.Ordinal) ? $"a comma before the closing bracket {location}"
            : $"{failure.Message.Split(" LineNumber", 2)[0]} ({location})";
    }
}
