using System.Text.Json.Nodes;

namespace FineTuning.Benchmarks.Tokenizing;

/// <summary>Pipelines that no checkpoint has: the parts of some tokenizer files, put together anew, and the rules of their added tokens changed. The same seed gives the same ones.</summary>
internal static class MixedPipelines
{
    private static readonly string[] Parts = ["normalizer", "pre_tokenizer", "post_processor", "decoder"];

    private static readonly string[] Rules = ["single_word", "lstrip", "rstrip", "normalized"];

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

    private static JsonObject Sequence(string part, JsonNode first, JsonNode second) => new()
    {
        ["type"] = "Sequence", [part switch { "normalizer" => "normalizers", "pre_tokenizer" => "pretokenizers", _ => "decoders" }] = new JsonArray(first, second),
    };
}
