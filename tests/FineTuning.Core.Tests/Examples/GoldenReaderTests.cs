using System.Globalization;
using System.Text;
using System.Text.Json;
using FineTuning.Errors;
using FineTuning.Examples;
using Xunit;

namespace FineTuning.Tests.Examples;

/// <summary>Files as users have them: what a lenient reader returns, what is reported with which line, and what a strict reader refuses.</summary>
public sealed class GoldenReaderTests
{
    [Theory]
    [InlineData("csv")]
    [InlineData("tsv")]
    [InlineData("jsonl")]
    [InlineData("json")]
    [InlineData("conll")]
    public void Equals_the_reference(string format)
    {
        string root = Goldens.Require("readers");
        var differences = new List<string>();
        int compared = 0;
        foreach (string line in File.ReadLines(Path.Combine(root, "cases.jsonl")))
        {
            using JsonDocument json = JsonDocument.Parse(line, new JsonDocumentOptions { MaxDepth = 2000 });
            JsonElement test = json.RootElement;
            if (test.GetProperty("format").GetString() != format) continue;
            compared++;
            string path = Path.Combine(root, test.GetProperty("file").GetString()!);
            try
            {
                string? problem = format is "csv" or "tsv" ? Delimited(path, test) : format == "conll" ? Conll(path, test) : Json(path, test, format);
                if (problem is not null) differences.Add($"{test.GetProperty("id")}: {problem}");
            }
            catch (Exception failure) when (failure is not Xunit.Sdk.XunitException)
            {
                differences.Add($"{test.GetProperty("id")}: {failure}");
            }
        }
        Assert.True(compared > 0);
        Assert.True(differences.Count == 0, string.Join(Environment.NewLine, differences.Take(10)));
    }

    private static string? Delimited(string path, JsonElement test)
    {
        JsonElement given = test.GetProperty("options");
        var problems = new List<DataProblem>();
        var options = new DelimitedOptions
        {
            Separator = given.GetProperty("delimiter").GetString()![0],
            Quotes = given.GetProperty("quoting").GetString() == "minimal",
            HasHeader = given.GetProperty("header").GetBoolean(),
            TrimAfterSeparator = given.TryGetProperty("trim_after_delimiter", out JsonElement trim) && trim.GetBoolean(),
            Encoding = given.GetProperty("encoding").GetString() == "cp1252" ? CodePagesEncodingProvider.Instance.GetEncoding(1252) : null,
            OnProblem = problems.Add,
        };
        bool refused = !test.TryGetProperty("expected", out JsonElement expected) || expected.ValueKind == JsonValueKind.Null;
        if (refused) return Refused(test, () => Csv.Read(path, options).Count());
        DelimitedRow[] rows = [.. Csv.Read(path, options)];
        string[][] wanted = [.. expected.GetProperty("records").EnumerateArray().Select(record => record.EnumerateArray().Select(value => value.GetString()!).ToArray())];
        if (wanted.Length != rows.Length) return $"{rows.Length} records instead of {wanted.Length}";
        for (int i = 0; i < rows.Length; i++)
        {
            if (!rows[i].Values.SequenceEqual(wanted[i])) return $"record {i}: [{string.Join("|", rows[i].Values)}] instead of [{string.Join("|", wanted[i])}]";
            int first = expected.GetProperty("first_lines")[i].GetInt32();
            if (rows[i].Line != first) return $"record {i} is said to start on line {rows[i].Line} instead of {first}";
        }
        if (options.HasHeader && rows.Length > 0)
        {
            string[] columns = [.. expected.GetProperty("columns").EnumerateArray().Select(value => value.GetString()!)];
            if (!rows[0].Columns.SequenceEqual(columns)) return $"columns {string.Join(",", rows[0].Columns)}";
            foreach (string asked in Asked(test).Where(name => rows.Length > 0))
            {
                try
                {
                    _ = rows[0][asked];
                }
                catch (TrainingDataException failure)
                {
                    problems.Add(new(path, failure.Message.Contains("line 1:", StringComparison.Ordinal) ? 1 : null, failure.Message, true));
                }
            }
        }
        return Reported(test, problems) ?? Strict(test, () => Csv.Read(path, options with { OnProblem = null }).Select(row => Asked(test).Select(name => row[name]).ToArray()).Count());
    }

    // "asked for: text and label" is said in the cases about columns; a report that names a column says which one was asked for.
    private static IEnumerable<string> Asked(JsonElement test) => test.GetProperty("reports").EnumerateArray()
        .Select(report => report.GetProperty("what").GetString()!)
        .SelectMany(what => new[] { "text", "label" }.Where(name => what.Contains($"column '{name}'", StringComparison.Ordinal) && !what.Contains("is missing", StringComparison.Ordinal)
            || (name == "text" && what.StartsWith("one column only", StringComparison.Ordinal)))).Distinct();

    private static string? Conll(string path, JsonElement test)
    {
        JsonElement given = test.GetProperty("options");
        var problems = new List<DataProblem>();
        var options = new ConllOptions
        {
            Separator = given.GetProperty("separator").GetString() == "tab" ? ConllSeparator.Tab : ConllSeparator.Spaces,
            WordColumn = given.GetProperty("token_column").GetInt32(),
            TagColumn = given.GetProperty("tag_column").GetInt32(),
            Comments = given.GetProperty("comments").GetString(),
            Scheme = Enum.Parse<TaggingScheme>(given.GetProperty("scheme").GetString()!, ignoreCase: true),
            OnProblem = problems.Add,
        };
        if (!test.TryGetProperty("expected", out JsonElement expected)) return Refused(test, () => ConllFile.Read(path, options).Count()) ?? Reported(test, problems);
        ConllSentence[] sentences = [.. ConllFile.Read(path, options)];
        JsonElement[] wanted = [.. expected.GetProperty("sentences").EnumerateArray()];
        if (wanted.Length != sentences.Length) return $"{sentences.Length} sentences instead of {wanted.Length}";
        for (int i = 0; i < wanted.Length; i++)
        {
            string[] Texts(string name) => [.. wanted[i].GetProperty(name).EnumerateArray().Select(value => value.GetString()!)];
            if (!sentences[i].Words.SequenceEqual(Texts("tokens"))) return $"sentence {i}: {string.Join("|", sentences[i].Words)}";
            if (!sentences[i].Tags.SequenceEqual(Texts("tags"))) return $"sentence {i}: {string.Join("|", sentences[i].Tags)}";
            if (sentences[i].Line != wanted[i].GetProperty("line").GetInt32()) return $"sentence {i} is said to start on line {sentences[i].Line}";
            if (sentences[i].Document != wanted[i].GetProperty("document").GetInt32()) return $"sentence {i} is said to stand in document {sentences[i].Document}";
            var entities = wanted[i].GetProperty("entities").EnumerateArray().Select(entity => new EntitySpan(entity[0].GetString()!, entity[1].GetInt32(), entity[2].GetInt32()));
            if (!TagSequence.Entities(sentences[i].Tags).SequenceEqual(entities)) return $"sentence {i}: {string.Join(", ", TagSequence.Entities(sentences[i].Tags))}";
        }
        return Reported(test, problems) ?? Strict(test, () => ConllFile.Read(path, options with { OnProblem = null }).Count());
    }

    private static string? Json(string path, JsonElement test, string format)
    {
        var problems = new List<DataProblem>();
        var options = new JsonReadingOptions
        {
            OnProblem = problems.Add,
            Field = test.GetProperty("options").TryGetProperty("field", out JsonElement field) ? field.GetString() : null,
        };
        IEnumerable<JsonRow> Read(JsonReadingOptions how) => format == "jsonl" ? JsonLines.Read(path, how) : JsonFile.Read(path, how);
        bool refused = !test.TryGetProperty("expected", out JsonElement expected) || expected.ValueKind == JsonValueKind.Null;
        if (refused) return Refused(test, () => Read(options).Count());
        JsonRow[] rows = [.. Read(options)];
        JsonElement[] wanted = [.. expected.GetProperty("records").EnumerateArray()];
        if (wanted.Length != rows.Length) return $"{rows.Length} records instead of {wanted.Length}";
        for (int i = 0; i < rows.Length; i++)
        {
            if (Canonical(rows[i].Element) != Canonical(wanted[i])) return $"record {i}: {rows[i].Element} instead of {wanted[i]}";
            if (expected.TryGetProperty("lines", out JsonElement lines) && lines[i].GetInt32() != rows[i].Line) return $"record {i} is said to be on line {rows[i].Line}";
        }
        if (test.GetProperty("reports").EnumerateArray().Any(report => report.GetProperty("what").GetString()!.Contains("'label'", StringComparison.Ordinal))) Map(rows, problems);
        return Reported(test, problems);
    }

    private static void Map(JsonRow[] rows, List<DataProblem> problems)
    {
        // One row at a time through the mapping that users call: a row that is refused does not end the others.
        JsonRow? first = rows.FirstOrDefault(row => row.Has("label"));
        foreach (JsonRow row in rows)
        {
            try
            {
                LabeledText<string> mapped = new[] { first ?? row, row }.LabeledTexts<string>().ToList()[^1];
                if (mapped.Text.Length == 0) problems.Add(new(row.File, row.Line, "the text is empty", false));
            }
            catch (TrainingDataException failure)
            {
                problems.Add(new(row.File, row.Line, failure.Message, true));
            }
        }
    }

    private static string? Refused(JsonElement test, Func<int> read)
    {
        TrainingDataException failure = Assert.Throws<TrainingDataException>(() => _ = read());
        JsonElement line = test.GetProperty("reports")[0].GetProperty("line");
        if (line.ValueKind == JsonValueKind.Number && !failure.Message.Contains($"line {line.GetInt32()}:", StringComparison.Ordinal)) return $"refused with '{failure.Message}' instead of line {line}";
        return failure.Message.Contains(Path.GetFileName(test.GetProperty("file").GetString()!), StringComparison.Ordinal) ? null : $"'{failure.Message}' does not name the file";
    }

    private static string? Reported(JsonElement test, List<DataProblem> problems)
    {
        foreach (JsonElement report in test.GetProperty("reports").EnumerateArray())
        {
            int? line = report.GetProperty("line").ValueKind == JsonValueKind.Number ? report.GetProperty("line").GetInt32() : null;
            if (!problems.Exists(problem => problem.Line == line)) return $"not reported: line {line}, {report.GetProperty("what")}; reported: {string.Join("; ", problems)}";
        }
        DataProblem? surplus = problems.Find(problem => problem.IsError && !test.GetProperty("reports").EnumerateArray().Any(report =>
            report.GetProperty("line").ValueKind == JsonValueKind.Number ? report.GetProperty("line").GetInt32() == problem.Line : problem.Line is null));
        return surplus is null ? null : $"reported for nothing: {surplus}";
    }

    private static string? Strict(JsonElement test, Func<int> read)
    {
        bool mustFail = test.GetProperty("reports").EnumerateArray().Any(report =>
            !report.GetProperty("what").GetString()!.Contains("(a warning)", StringComparison.Ordinal) && !report.GetProperty("what").GetString()!.Contains("(a notice)", StringComparison.Ordinal));
        try
        {
            read();
            return mustFail ? "a strict reader did not refuse" : null;
        }
        catch (TrainingDataException failure)
        {
            return mustFail ? null : $"a strict reader refused: {failure.Message}";
        }
    }

    // Key order and duplicate keys do not count; numbers are compared as they are written, texts by their UTF-16 units.
    private static string Canonical(JsonElement element) => element.ValueKind switch
    {
        JsonValueKind.Object => "{" + string.Join(",", element.EnumerateObject().GroupBy(pair => pair.Name).OrderBy(group => group.Key, StringComparer.Ordinal).Select(group => $"{group.Key}:{Canonical(group.Last().Value)}")) + "}",
        JsonValueKind.Array => "[" + string.Join(",", element.EnumerateArray().Select(Canonical)) + "]",
        JsonValueKind.String => "\"" + Text(element) + "\"",
        JsonValueKind.Number => Number(element.GetRawText()),
        _ => element.GetRawText(),
    };

    private static string Text(JsonElement element)
    {
        try
        {
            return element.GetString()!.Replace("\\ud83d", "\ud83d", StringComparison.Ordinal);
        }
        catch (InvalidOperationException)
        {
            return element.GetRawText().Trim('"').Replace("\\ud83d", "\ud83d", StringComparison.OrdinalIgnoreCase);
        }
    }

    private static string Number(string raw) => raw.AsSpan().ContainsAny('.', 'e', 'E') ? double.Parse(raw, CultureInfo.InvariantCulture).ToString("R", CultureInfo.InvariantCulture) : raw;
}
