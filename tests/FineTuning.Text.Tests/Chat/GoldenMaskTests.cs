using System.Text.Json;
using FineTuning.Text;
using FineTuning.Text.Jinja;
using Xunit;

namespace FineTuning.Tests.Chat;

/// <summary>Loss masks from generation marks: the tokens that overlap a mark. Where the reference's own mask differs from that, it is a defect of the reference.</summary>
public sealed class GoldenMaskTests
{
    [Fact]
    public void A_token_is_learned_where_it_overlaps_a_mark()
    {
        ChatGoldens goldens = ChatGoldens.Require();
        var differences = new List<string>();
        int compared = 0;
        foreach (JsonElement row in goldens.Rows("assistant-masks.jsonl"))
        {
            string text = (string)GoldenValues.Of(row.GetProperty("text"));
            (int[] starts, int[] ends) = Offsets(row, text);
            List<TextSpan> spans = [.. row.GetProperty("spans").EnumerateArray().Select(span => new TextSpan(CodePoints.Index(text, span[0].GetInt32()), CodePoints.Index(text, span[1].GetInt32())))];
            bool[] overlap = Bits(row.GetProperty("overlap"));
            string name = $"{row.GetProperty("tokenizer")} {row.GetProperty("template")} {row.GetProperty("conversation")} {(row.TryGetProperty("max_length", out JsonElement length) ? length : "")}";
            compared++;
            if (!AnswerMask.Overlapping(starts, ends, Union(spans)).SequenceEqual(overlap)) differences.Add($"{name}: not the overlap");
        }
        Assert.True(compared > 0);
        Assert.True(differences.Count == 0, $"{differences.Count} of {compared} differ{Environment.NewLine}{string.Join(Environment.NewLine, differences.Take(40))}");
    }

    [Fact]
    public void Texts_and_marks_of_the_masks_are_those_that_are_rendered()
    {
        ChatGoldens goldens = ChatGoldens.Require();
        // Of templates that capture what they mark, the reference's positions are not those of the text.
        HashSet<string> captured = [.. goldens.Rows("generation-spans.jsonl").Where(row => row.TryGetProperty("quirk", out _)).Select(row => row.GetProperty("template").GetString()!)];
        int compared = 0, marked = 0;
        foreach (JsonElement row in goldens.Rows("assistant-masks.jsonl"))
        {
            if (goldens.Template(row.GetProperty("template").GetString()!) is not { } template) continue;
            ChatRendering rendering = goldens.Render(template, row);
            compared++;
            Assert.Equal((string)GoldenValues.Of(row.GetProperty("text")), rendering.Text);
            if (captured.Contains(row.GetProperty("template").GetString()!)) continue;
            marked++;
            Assert.Equal(row.GetProperty("spans").EnumerateArray().Select(span => (span[0].GetInt32(), span[1].GetInt32())),
                rendering.Spans.Select(span => (CodePoints.Offset(rendering.Text, span.Start), CodePoints.Offset(rendering.Text, span.End))));
        }
        if (compared == 0) Assert.Skip("shared/chat-templates is not beside this checkout");
        Assert.True(marked > 0);
    }

    private static (int[] Starts, int[] Ends) Offsets(JsonElement row, string text)
    {
        JsonElement[] offsets = [.. row.GetProperty("offsets").EnumerateArray()];
        return ([.. offsets.Select(pair => CodePoints.Index(text, pair[0].GetInt32()))], [.. offsets.Select(pair => CodePoints.Index(text, pair[1].GetInt32()))]);
    }

    private static bool[] Bits(JsonElement bits) => [.. bits.EnumerateArray().Select(bit => bit.GetInt32() == 1)];

    private static List<(int Start, int End)> Union(IEnumerable<TextSpan> spans)
    {
        var union = new List<(int Start, int End)>();
        foreach (TextSpan span in spans.Where(span => span.End > span.Start).OrderBy(span => span.Start))
        {
            if (union.Count > 0 && span.Start <= union[^1].End) union[^1] = (union[^1].Start, Math.Max(union[^1].End, span.End));
            else union.Add((span.Start, span.End));
        }
        return union;
    }
}
