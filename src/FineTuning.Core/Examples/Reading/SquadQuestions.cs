using System.Globalization;
using System.Text.Json;

namespace FineTuning.Examples;

/// <summary>Questions out of parsed SQuAD, with all that is wrong with them reported by id.</summary>
internal sealed class SquadQuestions(ProblemSink problems)
{
    private readonly HashSet<string> _ids = new(StringComparer.Ordinal);

    /// <summary>The questions of an entry of <c>data</c>.</summary>
    public IEnumerable<AnsweredQuestion> OfArticle(JsonElement article, int number)
    {
        string location = $"article {number}";
        string? title = article.ValueKind == JsonValueKind.Object && article.TryGetProperty("title", out JsonElement named)
            && named.ValueKind == JsonValueKind.String ? Text(named, $"{location}: the title", null) : null;
        int paragraph = 0;
        foreach (JsonElement part in List(article, "paragraphs", location))
        {
            string where = $"{location}, paragraph {++paragraph}";
            if (Text(part, "context", where, null) is not { } context) continue;
            int position = 0;
            foreach (JsonElement question in List(part, "qas", where))
            {
                if (Question(question, context, title, $"{where}, question {++position}", null) is { } found) yield return found;
            }
        }
    }

    /// <summary>The question of a flattened line; null where it is none.</summary>
    public AnsweredQuestion? OfLine(JsonElement row, int line)
    {
        if (Text(row, "context", $"line {line}", line) is not { } context) return null;
        string? title = row.TryGetProperty("title", out JsonElement named) && named.ValueKind == JsonValueKind.String ? Text(named, "the title", line) : null;
        return Question(row, context, title, $"line {line}", line);
    }

    private AnsweredQuestion? Question(JsonElement element, string context, string? title, string location, int? line)
    {
        if (Text(element, "question", location, line) is not { } question) return null;
        string? id = element.TryGetProperty("id", out JsonElement named) && named.ValueKind is JsonValueKind.String or JsonValueKind.Number
            ? Text(named, $"{location}: the id", line) : null;
        string name = id ?? location;
        if (id is not null && !_ids.Add(id)) problems.Error(line, $"{name}: the id '{id}' occurs twice: where scores are kept by id, one question is lost");
        if (string.IsNullOrWhiteSpace(question)) problems.Error(line, $"{name}: the question is empty");
        bool impossible = element.TryGetProperty("is_impossible", out JsonElement flag) && flag.ValueKind == JsonValueKind.True;
        bool given = element.TryGetProperty("answers", out JsonElement answers) && answers.ValueKind is JsonValueKind.Array or JsonValueKind.Object;
        if (!given && !impossible) problems.Error(line, $"{name}: there are no 'answers' (a test set?); the question counts as unanswerable");
        GivenAnswer[] found = given
            ? [.. Claims(answers, name, line).Select(claim => SquadOffsets.Check(claim.Text, claim.Start, context, name, line, problems))] : [];
        if (impossible && found.Length > 0) problems.Error(line, $"{name}: is_impossible is true but an answer is given; the question counts as unanswerable");
        return new AnsweredQuestion(question, context, found) { Id = id, Title = title, IsImpossible = impossible };
    }

    /// <summary>A list of objects, or an object of two lists.</summary>
    private List<(string Text, long Start)> Claims(JsonElement answers, string name, int? line)
    {
        var claims = new List<(string, long)>();
        if (answers.ValueKind == JsonValueKind.Array)
        {
            foreach (JsonElement answer in answers.EnumerateArray())
            {
                if (answer.ValueKind != JsonValueKind.Object)
                    problems.Error(line, $"{name}: an answer is {JsonRow.Kind(answer)}; an object with 'text' and 'answer_start' was expected");
                else Add(Member(answer, "text"), Member(answer, "answer_start"));
            }
            return claims;
        }
        JsonElement? texts = Member(answers, "text"), starts = Member(answers, "answer_start");
        if (texts is not { ValueKind: JsonValueKind.Array } || starts is not { ValueKind: JsonValueKind.Array }
            || texts.Value.GetArrayLength() != starts.Value.GetArrayLength())
        {
            problems.Error(line, $"{name}: 'answers' is an object without two equally long lists 'text' and 'answer_start'");
            return claims;
        }
        foreach ((JsonElement text, JsonElement start) in texts.Value.EnumerateArray().Zip(starts.Value.EnumerateArray())) Add(text, start);
        return claims;

        void Add(JsonElement? text, JsonElement? start)
        {
            if (text is not { ValueKind: JsonValueKind.String } || start is not { ValueKind: JsonValueKind.Number }
                || !start.Value.TryGetInt64(out long offset))
            {
                problems.Error(line, $"{name}: an answer needs a text 'text' and a whole number 'answer_start'; it is left out");
            }
            else if (Text(text.Value, $"{name}: the answer", line) is { } answer) claims.Add((answer, offset));
        }
    }

    private List<JsonElement> List(JsonElement parent, string key, string location)
    {
        if (parent.ValueKind == JsonValueKind.Object && parent.TryGetProperty(key, out JsonElement list) && list.ValueKind == JsonValueKind.Array)
            return [.. list.EnumerateArray()];
        problems.Error(null, $"{location}: there is no list '{key}'; it is left out");
        return [];
    }

    private static JsonElement? Member(JsonElement element, string key) => element.TryGetProperty(key, out JsonElement value) ? value : null;

    private string? Text(JsonElement parent, string key, string location, int? line)
    {
        if (parent.ValueKind == JsonValueKind.Object && parent.TryGetProperty(key, out JsonElement value) && value.ValueKind == JsonValueKind.String)
            return Text(value, $"{location}: '{key}'", line);
        problems.Error(line, $"{location}: there is no text '{key}'; the record is left out");
        return null;
    }

    private string? Text(JsonElement value, string what, int? line)
    {
        try
        {
            return value.ValueKind == JsonValueKind.Number ? value.GetRawText() : value.GetString();
        }
        catch (InvalidOperationException)
        {
            problems.Error(line,
                string.Create(CultureInfo.InvariantCulture, $"{what} holds half a surrogate pair or bytes that are not UTF-8: no valid text; it is left out"));
            return null;
        }
    }
}
