using System.Text.Json.Nodes;
using FineTuning.Errors;

namespace FineTuning.Text;

/// <summary>Templates of the known post-processors.</summary>
internal static class Templates
{
    /// <summary>
    /// [CLS] A [SEP], and [CLS] A [SEP] B [SEP] with the second text of type 1; doubled: two separators between the texts and only type 0 (RoBERTa).
    /// </summary>
    public static Template Around(int cls, int sep, bool doubled)
    {
        int type = doubled ? 0 : 1;
        return new(
            [new([cls], -1, 0), new([], 0, 0), new([sep], -1, 0)],
            [new([cls], -1, 0), new([], 0, 0), new(doubled ? [sep, sep] : [sep], -1, 0), new([], 1, type), new([sep], -1, type)]);
    }

    /// <summary>A token behind each text: A &lt;/s&gt;, and A &lt;/s&gt; B &lt;/s&gt;, all of type 0 (T5).</summary>
    public static Template Ending(int end) => new(
        [new([], 0, 0), new([end], -1, 0)],
        [new([], 0, 0), new([end], -1, 0), new([], 1, 0), new([end], -1, 0)]) { TypesFirstWindows = true };

    /// <summary>A token before and one behind each text, where there are such; the second text and its tokens have the type 1 (Llama, Gemma).</summary>
    public static Template Around(int? begin, int? end)
    {
        IEnumerable<TemplatePart> Text(int sequence)
        {
            if (begin is { } first) yield return new([first], -1, sequence);
            yield return new([], sequence, sequence);
            if (end is { } last) yield return new([last], -1, sequence);
        }
        return new([.. Text(0)], [.. Text(0), .. Text(1)]);
    }

    /// <summary>TemplateProcessing.</summary>
    public static Template Read(JsonObject node, string path)
    {
        JsonObject tokens = node.Object("special_tokens") ?? [];
        return new(Parts(node, "single", tokens, path), Parts(node, "pair", tokens, path)) { TypesFirstWindows = true };
    }

    // A part that is not understood is a text or a token lost: nothing is passed over.
    private static List<TemplatePart> Parts(JsonObject node, string key, JsonObject tokens, string path)
    {
        JsonArray list = node[key] as JsonArray
            ?? throw new CheckpointException(path, $"its template's '{key}' is {node[key]?.ToJsonString() ?? "missing"}; a list was expected");
        var parts = new List<TemplatePart>();
        foreach (JsonNode? part in list)
        {
            if (part is JsonObject named && named.Object("Sequence") is { } sequence)
            {
                int text = sequence.Text("id") switch
                {
                    null or "A" => 0,
                    "B" => 1,
                    { } other => throw new CheckpointException(path, $"its template names the text '{other}'; A or B was expected"),
                };
                parts.Add(new([], text, sequence.Whole("type_id") ?? 0));
            }
            else if (part is JsonObject token && token.Object("SpecialToken") is { } special)
            {
                string name = special.Text("id") ?? "";
                JsonArray ids = tokens.Object(name)?.Array("ids")
                    ?? throw new CheckpointException(path, $"its template uses '{name}', which its special_tokens do not define");
                parts.Add(new([.. ids.Select(id => Id(id, name, path))], -1, special.Whole("type_id") ?? 0));
            }
            else
            {
                throw new CheckpointException(path, $"its template has the part {part?.ToJsonString() ?? "null"}; a Sequence or a SpecialToken was expected");
            }
        }
        if (key == "single" && parts.Exists(part => part.Sequence == 1))
            throw new CheckpointException(path, "its template for one text names the text 'B', which only a pair has");
        return parts.Exists(part => part.Sequence >= 0) ? parts
            : throw new CheckpointException(path, $"its template's '{key}' has no text, which would be lost");
    }

    private static int Id(JsonNode? node, string name, string path) =>
        node is JsonValue value && value.TryGetValue(out int id) && id is >= 0 and < ModelReader.LargestVocabulary ? id
        : throw new CheckpointException(path, $"its template's token '{name}' has the id {node?.ToJsonString() ?? "null"}; "
            + $"a number from 0 to {ModelReader.LargestVocabulary} was expected");
}
