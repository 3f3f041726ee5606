using System.Text.Json.Nodes;

namespace FineTuning.Benchmarks.Tokenizing;

/// <summary>Pipelines that no checkpoint has: the parts of some tokenizer files, put together anew, with some of their settings changed. The same seed gives the same ones.</summary>
internal static class MixedPipelines
{
    private static readonly string[] Parts = ["normalizer", "pre_tokenizer", "post_processor", "decoder"];

    private static readonly string[] Rules = ["single_word", "lstrip", "rstrip", "normalized"];

    // Settings that are one of a few words; those that are true or false are found by themselves.
    private static readonly Dictionary<string, string[]> Choices = new()
    {
        ["behavior"] = ["Removed", "Isolated", "MergedWithPrevious", "MergedWithNext", "Contiguous"],
        ["prepend_scheme"] = ["always", "first", "never"],
    };

    /// <summary>Writes so many folders and gives their names with the files.</summary>
    public static IEnumerable<(string Name, string File)> Write(string root, IReadOnlyList<(string Name, string File)> pipelines, int count, int seed)
    {
        JsonObject[] files = [.. pipelines.Where(pipeline => new FileInfo(pipeline.File).Length < 1 << 20).Select(pipeline => (JsonObject)JsonNode.Parse(File.ReadAllText(pipeline.File))!)];
        var random = new Random(seed);
        for (int i = 0; i < count; i++)
        {
            var mixed = (JsonObject)files[random.Next(files.Length)].DeepClone();
            foreach (string part in Parts)
            {
                // Two of a kind, one after the other, are a pipeline as well.
                JsonNode? other = files[random.Next(files.Length)][part]?.DeepClone();
                if (part != "post_processor" && random.Next(4) == 0 && mixed[part] is { } own && other is not null) mixed[part] = Sequence(part, own.DeepClone(), other);
                else if (random.Next(2) == 0) mixed[part] = other;
            }
            foreach (string part in Parts) Change(mixed[part], random);
            Change(mixed["model"], random);
            foreach (JsonNode? token in mixed["added_tokens"] as JsonArray ?? [])
            {
                if (random.Next(2) == 0) token![Rules[random.Next(Rules.Length)]] = random.Next(2) == 0;
            }
            string folder = Path.Combine(root, $"mixed-{seed}-{i}");
            Directory.CreateDirectory(folder);
            string file = Path.Combine(folder, "tokenizer.json");
            File.WriteAllText(file, mixed.ToJsonString());
            yield return (Path.GetFileName(folder), file);
        }
    }

    private static void Change(JsonNode? node, Random random)
    {
        if (node is JsonArray items) foreach (JsonNode? item in items.Take(50)) Change(item, random);
        if (node is not JsonObject settings) return;
        foreach ((string key, JsonNode? value) in settings.ToArray())
        {
            bool chosen = random.Next(6) == 0;
            if (chosen && value is JsonValue flag && flag.TryGetValue(out bool set)) settings[key] = !set;
            else if (chosen && Choices.TryGetValue(key, out string[]? words)) settings[key] = words[random.Next(words.Length)];
            else if (key is not ("vocab" or "merges" or "special_tokens")) Change(value, random);
        }
    }

    private static JsonObject Sequence(string part, JsonNode first, JsonNode second) => new()
    {
        ["type"] = "Sequence", [part switch { "normalizer" => "normalizers", "pre_tokenizer" => "pretokenizers", _ => "decoders" }] = new JsonArray(first, second),
    };
}
