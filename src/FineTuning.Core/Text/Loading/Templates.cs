using System.Text.Json.Nodes;
using FineTuning.Errors;

namespace FineTuning.Text;

/// <summary>Templates of the known post-processors.</summary>
internal static class Templates
{
    /// <summary>[CLS] A [SEP], and [CLS] A [SEP] B [SEP] with the second text of type 1; doubled: two separators between the texts and only type 0 (RoBERTa).</summary>
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
        return new(Parts(node.Array("single"), tokens, path), Parts(node.Array("pair"), tokens, path)) { TypesFirstWindows = true };
    }

    private static List<TemplatePart> Parts(JsonArray? array, JsonObject tokens, string path)
    {
        var parts = new List<TemplatePart>();
        foreach (JsonObject part in (array ?? []).OfType<JsonObject>())
        {
            if (part.Object("Sequence") is { } sequence)
            {
                parts.Add(new([], sequence.Text("id") == "B" ? 1 : 0, sequence.Whole("type_id") ?? 0));
            }
            else if (part.Object("SpecialToken") is { } special)
            {
                string name = special.Text("id") ?? "";
                JsonArray ids = tokens.Object(name)?.Array("ids") ?? throw new CheckpointException(path, $"its template uses '{name}', which its special_tokens do not define");
                parts.Add(new([.. ids.Select(id => Id(id, name, path))], -1, special.Whole("type_id") ?? 0));
            }
        }
        return parts;
    }

    private static int Id(JsonNode? node, string name, string path) => node is JsonValue value && value.TryGetValue(out int id) && id is >= 0 and < ModelReader.LargestVocabulary ? id
        : throw new CheckpointException(path, $"its template's token '{name}' has the id {node?.ToJsonString() ?? "null"}; a number from 0 to {ModelReader.LargestVocabulary} was expected");
}
