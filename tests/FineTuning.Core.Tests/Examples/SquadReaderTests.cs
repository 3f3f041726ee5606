using System.Text;
using System.Text.Json;
using FineTuning.Errors;
using FineTuning.Examples;
using Xunit;

namespace FineTuning.Tests.Examples;

/// <summary>SQuAD files as users have them: records, places in UTF-16, and what is said of records that are wrong.</summary>
public sealed class SquadReaderTests : IDisposable
{
    private readonly string _file = Path.GetTempFileName();

    public void Dispose() => File.Delete(_file);

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
            if (test.GetProperty("format").GetString() != "squad") continue;
            compared++;
            if (Check(Path.Combine(root, test.GetProperty("file").GetString()!), test) is { } problem) differences.Add($"{test.GetProperty("id")}: {problem}");
        }
        Assert.True(compared > 0);
        Assert.True(differences.Count == 0, string.Join(Environment.NewLine, differences));
    }

    [Fact]
    public void A_title_behind_the_paragraphs_counts_and_small_reads_change_nothing()
    {
        // Longer than the first buffer, so that the reader has to stop and go on inside an article.
        string filling = new('x', 90_000);
        Write($$"""{"more":{"a":[1,2,{"data":[]}]},"data":[{"paragraphs":[{"context":"one {{filling}}","qas":[{"id":7,"question":"q","answers":[{"text":"one","answer_start":0}]}]}],"title":"T1"},{"paragraphs":[{"context":"two","qas":[{"id":"b","question":"q","answers":[]}]}]}],"version":"1"}  """);
        AnsweredQuestion[] questions = [.. Squad.Read(_file)];
        Assert.Equal(["7", "b"], questions.Select(question => question.Id));
        Assert.Equal(["T1", null], questions.Select(question => question.Title));
        Assert.True(questions[0].IsAnswerable && !questions[1].IsAnswerable);
    }

    [Fact]
    public void Articles_come_one_at_a_time_and_their_size_is_bounded()
    {
        string article = """{"paragraphs":[{"context":"one","qas":[{"question":"q","answers":[{"text":"one","answer_start":0}]}]}]}""";
        Write($$"""{"data":[{{article}},{{article}},{"paragraphs":[{"context":"{{new string('x', 1 << 20)}}","qas":[]}]}]}""");
        Assert.Equal(2, Squad.Read(_file).Take(2).Count());
        Assert.Contains("LongestText", Refused(new JsonReadingOptions { LongestText = 100_000 }), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("[]", "object with the key 'data'")]
    [InlineData("", "ends too early")]
    [InlineData("{\"data\":{}}", "no list")]
    [InlineData("{\"data\":[]} x", "behind the end")]
    [InlineData("{\"data\":[1]}", "article 1: there is no list 'paragraphs'")]
    [InlineData("{\"data\":[{\"paragraphs\":[{\"qas\":[]}]}]}", "paragraph 1: there is no text 'context'")]
    [InlineData("{\"data\":[{\"paragraphs\":[{\"context\":\"c\",\"qas\":[{\"id\":\"z\"}]}]}]}", "no text 'question'")]
    [InlineData("{\"data\":[{\"paragraphs\":[{\"context\":\"c\\ud83d\",\"qas\":[]}]}]}", "surrogate")]
    [InlineData("{\"data\":[{\"paragraphs\":[{\"context\":\"c\",\"qas\":[{\"id\":\"z\",\"question\":\"q\",\"answers\":[{\"text\":\"c\",\"answer_start\":0.5}]}]}]}]}", "z: an answer needs")]
    [InlineData("{\"data\":[{\"paragraphs\":[{\"context\":\"c\",\"qas\":[{\"id\":\"z\",\"question\":\"q\",\"answers\":[{\"text\":\"c\",\"answer_start\":9223372036854775807}]}]}]}]}", "beyond the context")]
    [InlineData("{\"data\":[\n\n{\"a\":nul}]}", "line 3")]
    public void What_is_wrong_is_named(string text, string message)
    {
        Write(text);
        string refusal = Refused(null);
        Assert.Contains(message, refusal, StringComparison.Ordinal);
        Assert.Contains(Path.GetFileName(_file), refusal, StringComparison.Ordinal);
    }

    [Fact]
    public void A_byte_order_mark_and_utf16_are_read()
    {
        const string text = """{"data":[{"paragraphs":[{"context":"Zoë","qas":[{"question":"q","answers":[{"text":"Zoë","answer_start":0}]}]}]}]}""";
        foreach (Encoding encoding in new[] { new UTF8Encoding(true), Encoding.Unicode, Encoding.BigEndianUnicode })
        {
            File.WriteAllText(_file, text, encoding);
            Assert.Equal("Zoë", Squad.Read(_file).Single().Answers[0].Text);
        }
    }

    private string Refused(JsonReadingOptions? options) => Assert.Throws<TrainingDataException>(() => _ = Squad.Read(_file, options).Count()).Message;

    private void Write(string text) => File.WriteAllText(_file, text);

    private static string? Check(string path, JsonElement test)
    {
        bool flattened = test.GetProperty("options").TryGetProperty("flattened", out JsonElement flag) && flag.GetBoolean();
        IEnumerable<AnsweredQuestion> Read(JsonReadingOptions? options) => flattened ? Squad.ReadLines(path, options) : Squad.Read(path, options);
        var problems = new List<DataProblem>();
        var lenient = new JsonReadingOptions { OnProblem = problems.Add };
        JsonElement[] reports = [.. test.GetProperty("reports").EnumerateArray()];
        if (!test.TryGetProperty("expected", out JsonElement expected))
        {
            string message = Assert.Throws<TrainingDataException>(() => _ = Read(lenient).Count()).Message;
            return message.Contains($"line {reports[0].GetProperty("line")}:", StringComparison.Ordinal) ? null : $"refused with '{message}'";
        }
        AnsweredQuestion[] found = [.. Read(lenient)];
        JsonElement[] wanted = [.. expected.GetProperty("records").EnumerateArray()];
        if (found.Length != wanted.Length) return $"{found.Length} records instead of {wanted.Length}";
        for (int i = 0; i < found.Length; i++) if (Compare(wanted[i], found[i]) is { } difference) return $"record {i}: {difference}";
        foreach (JsonElement report in reports)
        {
            string id = report.TryGetProperty("id", out JsonElement named) ? named.GetString()! : "";
            if (!problems.Exists(problem => problem.Line is null && problem.File == path && problem.Message.Contains(id, StringComparison.Ordinal))) return $"not reported: {report.GetProperty("what")}";
        }
        DataProblem? surplus = problems.Find(problem => !reports.Any(report => !report.TryGetProperty("id", out JsonElement id) || problem.Message.StartsWith(id.GetString() + ":", StringComparison.Ordinal)));
        if (surplus is not null) return $"reported for nothing: {surplus}";
        bool mustFail = reports.Any(report => report.GetProperty("what").GetString() is { } what && !what.Contains("(a warning)", StringComparison.Ordinal) && !what.Contains("(a notice)", StringComparison.Ordinal));
        bool fails = Record.Exception(() => Read(null).Count()) is TrainingDataException;
        return mustFail == fails ? null : $"a strict reader {(fails ? "refused" : "did not refuse")}";
    }

    private static string? Compare(JsonElement wanted, AnsweredQuestion found)
    {
        if (wanted.GetProperty("id").GetString() != found.Id || wanted.GetProperty("title").GetString() != found.Title) return $"{found.Id} {found.Title}";
        if (wanted.GetProperty("question").GetString() != found.Question) return found.Question;
        int length = CodePoints(found.Context);
        bool same = wanted.TryGetProperty("context", out JsonElement context) ? context.GetString() == found.Context
            : wanted.GetProperty("context_length").GetInt32() == length && found.Context.StartsWith(wanted.GetProperty("context_starts").GetString()!, StringComparison.Ordinal);
        if (!same) return "the context differs";
        if (wanted.GetProperty("answerable").GetBoolean() != found.IsAnswerable) return $"answerable: {found.IsAnswerable}";
        JsonElement[] answers = [.. wanted.GetProperty("answers").EnumerateArray()];
        if (answers.Length != found.Answers.Count) return $"{found.Answers.Count} answers";
        for (int i = 0; i < answers.Length; i++)
        {
            GivenAnswer own = found.Answers[i];
            if (answers[i].GetProperty("text").GetString() != own.Text) return $"answer {i}: '{own.Text}'";
            if (answers[i].GetProperty("start_utf16") is { ValueKind: JsonValueKind.Number } start && start.GetInt32() != own.Start) return $"answer {i} starts at {own.Start}";
            if (answers[i].GetProperty("start_utf16").ValueKind == JsonValueKind.Null && own.Start >= 0 && own.Start <= found.Context.Length) return $"answer {i} starts at {own.Start}, which is inside";
            if (answers[i].GetProperty("matches").GetBoolean() != own.Matches(found.Context)) return $"answer {i} matches: {own.Matches(found.Context)}";
            if (answers[i].GetProperty("matches").GetBoolean() && answers[i].GetProperty("end_utf16").GetInt32() != own.Start + own.Text.Length) return $"answer {i} ends at {own.Start + own.Text.Length}";
            if (answers[i].TryGetProperty("occurrences", out JsonElement places)
                && !places.EnumerateArray().Select(place => place.GetInt32()).SequenceEqual(own.Occurrences(found.Context).Select(place => CodePoints(found.Context[..place])))) return $"answer {i} occurs elsewhere";
        }
        return null;
    }

    private static int CodePoints(string text) => text.EnumerateRunes().Count();
}
