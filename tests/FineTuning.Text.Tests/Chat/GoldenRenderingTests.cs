using System.Text.Json;
using FineTuning.Errors;
using FineTuning.Text;
using FineTuning.Text.Jinja;
using Xunit;

namespace FineTuning.Tests.Chat;

/// <summary>Conversations through whole templates against the reference: the text to the byte, and where answers stand.</summary>
public sealed class GoldenRenderingTests
{
    [Fact]
    public void Renderings_are_those_of_the_reference()
    {
        ChatGoldens goldens = ChatGoldens.Require();
        Compare(goldens, "renderings.jsonl", static (_, _) => null);
    }

    [Fact]
    public void Generation_marks_stand_where_their_text_stands()
    {
        ChatGoldens goldens = ChatGoldens.Require();
        Compare(goldens, "generation-spans.jsonl", static (row, rendering) =>
        {
            // Where the reference's positions are not those of the text, the row says which are; where the text was changed afterwards, nobody knows.
            string right = row.TryGetProperty("quirk", out _) ? "marked" : "spans";
            if (!row.TryGetProperty(right, out _)) return null;
            List<(int, int)> expected = Spans(row, right), own = Points(rendering, rendering.Spans);
            return own.SequenceEqual(expected) ? null : $"spans are {string.Join(' ', own)} instead of {string.Join(' ', expected)}";
        });
    }

    [Fact]
    public void Public_ranges_are_the_union_of_the_marks()
    {
        ChatGoldens goldens = ChatGoldens.Require();
        Compare(goldens, "generation-spans.jsonl", static (_, rendering) =>
        {
            var marked = new HashSet<int>(rendering.Spans.SelectMany(span => Enumerable.Range(span.Start, span.End - span.Start)));
            List<int> covered = [.. rendering.AnswerRanges.SelectMany(range => Enumerable.Range(range.Start, range.End - range.Start))];
            bool apart = rendering.AnswerRanges.Zip(rendering.AnswerRanges.Skip(1)).All(pair => pair.First.End < pair.Second.Start);
            return apart && covered.Count == marked.Count && marked.SetEquals(covered) ? null : $"ranges {string.Join(' ', rendering.AnswerRanges)} of spans {string.Join(' ', rendering.Spans)}";
        });
    }

    private static void Compare(ChatGoldens goldens, string file, Func<JsonElement, ChatRendering, string?> further)
    {
        var differences = new List<string>();
        int compared = 0;
        foreach (JsonElement row in goldens.Rows(file))
        {
            string name = $"{row.GetProperty("template")} {row.GetProperty("conversation")} {(row.TryGetProperty("options", out JsonElement options) ? options.GetRawText() : "")}";
            if (goldens.Template(row.GetProperty("template").GetString()!) is not { } template) continue;
            compared++;
            if (Difference(goldens, template, row, further) is { } difference) differences.Add($"{name}: {difference}");
        }
        if (compared == 0) Assert.Skip("shared/chat-templates is not beside this checkout");
        Assert.True(differences.Count == 0, $"{differences.Count} of {compared} differ{Environment.NewLine}{string.Join(Environment.NewLine, differences.Take(40))}");
    }

    private static string? Difference(ChatGoldens goldens, ChatTemplate template, JsonElement row, Func<JsonElement, ChatRendering, string?> further)
    {
        string? expected = row.TryGetProperty("text", out JsonElement text) ? (string)GoldenValues.Of(text) : null;
        try
        {
            ChatRendering rendering = goldens.Render(template, row);
            if (expected is null) return $"{JsonSerializer.Serialize(rendering.Text)} instead of the error {row.GetProperty("error").GetProperty("message")}";
            return rendering.Text == expected ? further(row, rendering) : $"{Environment.NewLine}{JsonSerializer.Serialize(rendering.Text)} instead of{Environment.NewLine}{JsonSerializer.Serialize(expected)}";
        }
        catch (Exception fault) when (fault is FineTuningException or ArgumentException)
        {
            if (expected is not null) return $"{fault.Message} instead of {JsonSerializer.Serialize(expected)}";
            JsonElement error = row.GetProperty("error");
            if (error.GetProperty("kind").GetString() != "template") return null;
            string message = error.GetProperty("message").GetString()!;
            return fault is ChatTemplateException { IsRefusal: true } refusal && refusal.Problem == message ? null : $"refused with '{fault.Message}' instead of '{message}'";
        }
    }

    private static List<(int, int)> Spans(JsonElement row, string key) => [.. row.GetProperty(key).EnumerateArray().Select(span => (span[0].GetInt32(), span[1].GetInt32()))];

    private static List<(int, int)> Points(ChatRendering rendering, IReadOnlyList<TextSpan> spans) =>
        [.. spans.Select(span => (CodePoints.Offset(rendering.Text, Math.Min(span.Start, rendering.Text.Length)), CodePoints.Offset(rendering.Text, Math.Min(span.End, rendering.Text.Length))))];
}
