using System.Text.Json;
using System.Text.Json.Nodes;
using FineTuning.Errors;
using FineTuning.Examples;
using FineTuning.Text;
using Xunit;

namespace FineTuning.Tests.Examples;

/// <summary>Chat and preference files as users have them: what a lenient reader returns, what is reported with which line, and what a strict reader refuses.</summary>
public sealed class GoldenChatFileTests
{
    [Fact]
    public void Equals_the_reference()
    {
        string root = Goldens.Require("readers");
        var differences = new List<string>();
        int compared = 0;
        foreach (string line in File.ReadLines(Path.Combine(root, "cases.jsonl")))
        {
            using JsonDocument json = JsonDocument.Parse(line, new JsonDocumentOptions { MaxDepth = 2000 });
            JsonElement test = json.RootElement;
            if (test.GetProperty("format").GetString() != "chat") continue;
            string path = Path.Combine(root, test.GetProperty("file").GetString()!);
            if (!File.Exists(path)) continue;
            compared++;
            if (Compare(path, test) is { } problem) differences.Add($"{test.GetProperty("id")}: {problem}");
        }
        if (compared == 0) Assert.Skip($"the chat files of goldens 'readers' are not in {root}");
        Assert.True(differences.Count == 0, string.Join(Environment.NewLine, differences));
    }

    private static string? Compare(string path, JsonElement test)
    {
        JsonElement given = test.GetProperty("options");
        string shape = given.GetProperty("shape").GetString()!;
        bool unpaired = given.TryGetProperty("unpaired", out JsonElement value) && value.GetBoolean();
        var problems = new List<DataProblem>();
        JsonNode[] records = [.. Records(path, shape, unpaired, new JsonReadingOptions { OnProblem = problems.Add })];
        if (test.TryGetProperty("expected", out JsonElement expected) && Difference(records, [.. expected.GetProperty("records").EnumerateArray()]) is { } difference) return difference;
        return Reported(test, problems, Path.GetFileName(path)) ?? Strict(test, () => _ = Records(path, shape, unpaired, null).Count());
    }

    private static IEnumerable<JsonNode> Records(string path, string shape, bool unpaired, JsonReadingOptions? options) => shape switch
    {
        "messages" => Conversations.Read(path, RecordForm.Messages, options).Select(Of),
        "sharegpt" => Conversations.Read(path, RecordForm.ShareGpt, options).Select(Of),
        "alpaca" => Conversations.Read(path, RecordForm.Alpaca, options).Zip(PromptCompletions.Read(path, RecordForm.Alpaca, Quiet(options)), (chat, prompt) =>
        {
            JsonObject record = Of(chat);
            record["stanford_prompt"] = prompt.Prompt.Text;
            return record;
        }),
        "prompt_completion" => PromptCompletions.Read(path, RecordForm.PromptCompletion, options).Select(record => Node(("prompt", record.Prompt), ("completion", record.Completion))),
        "kto" => UnpairedPreferences.Read(path, options).Select(Of),
        "auto" => JsonLines.Read(path, options).Select(row => Shape(row, options)).OfType<JsonNode>(),
        _ when unpaired => PreferencePairs.Read(path, options).Unpaired().Select(Of),
        _ => PreferencePairs.Read(path, options).Select(pair => Node(("prompt", pair.Prompt), ("chosen", pair.Chosen), ("rejected", pair.Rejected))),
    };

    // The prompts are read beside the conversations; what is wrong is counted once.
    private static JsonReadingOptions? Quiet(JsonReadingOptions? options) => options is null ? null : options with { OnProblem = _ => { } };

    private static JsonObject? Shape(JsonRow row, JsonReadingOptions? options)
    {
        try
        {
            string form = row.FormOf() switch
            {
                RecordForm.PromptCompletion => "prompt_completion",
                RecordForm.UnpairedPreference => "kto",
                RecordForm other => other.ToString().ToLowerInvariant(),
            };
            return new JsonObject { ["shape"] = form };
        }
        catch (TrainingDataException fault) when (options?.OnProblem is { } report)
        {
            report(new(row.File, row.Line, fault.Message, true));
            return null;
        }
    }

    private static JsonObject Of(Conversation conversation) => new JsonObject { ["messages"] = Node(new TextOrTurns(conversation.Turns)) };

    private static JsonObject Of(UnpairedPreference record)
    {
        JsonObject node = Node(("prompt", record.Prompt), ("completion", record.Completion));
        node["label"] = record.IsDesirable;
        return node;
    }

    private static JsonObject Node(params (string Name, TextOrTurns Part)[] parts)
    {
        var node = new JsonObject();
        foreach ((string name, TextOrTurns part) in parts) node[name] = Node(part);
        return node;
    }

    private static JsonNode Node(TextOrTurns part) => part.Text is { } text ? JsonValue.Create(text) : new JsonArray([.. part.Turns!.Select(turn => (JsonNode)turn.ToJson())]);

    private static string? Difference(JsonNode[] records, JsonElement[] expected)
    {
        if (records.Length != expected.Length) return $"{records.Length} records instead of {expected.Length}";
        for (int i = 0; i < records.Length; i++)
        {
            var wanted = (JsonObject)JsonNode.Parse(expected[i].GetRawText())!;
            wanted.Remove("conversational");
            if (!wanted.ContainsKey("stanford_prompt")) records[i].AsObject().Remove("stanford_prompt");
            if (JsonNode.DeepEquals(records[i], wanted)) continue;
            // The reference's cut of a row without a common start loses the difference; what must hold is that the parts make the texts of the file.
            if (IsDefect(wanted) && records[i]["prompt"]!.GetValue<string>().Length == 0) continue;
            return $"record {i}: {records[i].ToJsonString()} instead of {wanted.ToJsonString()}";
        }
        return null;
    }

    private static bool IsDefect(JsonObject wanted) => wanted["chosen"] is JsonValue chosen && wanted["rejected"] is JsonValue rejected && chosen.ToString() == " " && rejected.ToString() == " ";

    private static string? Reported(JsonElement test, List<DataProblem> problems, string file)
    {
        JsonElement[] reports = [.. test.GetProperty("reports").EnumerateArray()];
        foreach (JsonElement report in reports)
        {
            string what = report.GetProperty("what").GetString()!;
            bool remark = what.Contains("(a warning", StringComparison.Ordinal) || what.Contains("(a notice", StringComparison.Ordinal);
            if (!problems.Exists(problem => problem.Line == Line(report) && problem.IsError != remark && problem.File.EndsWith(file, StringComparison.Ordinal)))
            {
                return $"not reported: line {Line(report)}, {what}; reported: {string.Join("; ", problems)}";
            }
        }
        DataProblem? surplus = problems.Find(problem => problem.IsError && !reports.Any(report => Line(report) == problem.Line));
        return surplus is null ? null : $"reported for nothing: {surplus}";
    }

    private static int? Line(JsonElement report) => report.GetProperty("line").ValueKind == JsonValueKind.Number ? report.GetProperty("line").GetInt32() : null;

    private static string? Strict(JsonElement test, Action read)
    {
        JsonElement? first = test.GetProperty("reports").EnumerateArray().Cast<JsonElement?>().FirstOrDefault(report =>
            !report!.Value.GetProperty("what").GetString()!.Contains("(a ", StringComparison.Ordinal));
        if (first is null)
        {
            read();
            return null;
        }
        TrainingDataException failure = Assert.Throws<TrainingDataException>(read);
        return Line(first.Value) is not { } line || failure.Message.Contains($"line {line}:", StringComparison.Ordinal) ? null : $"refused with '{failure.Message}' instead of line {line}";
    }
}
