using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace FineTuning.Fuzz;

/// <summary>Changes JSON by its structure, and now and then as a text.</summary>
internal static class JsonMutator
{
    private static readonly JsonSerializerOptions Plain = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, MaxDepth = 1000 };

    private static readonly string[] Numbers = ["0", "-1", "1", "2", "100", "2147483647", "-2147483648", "2147483648", "4000000", "9223372036854775807", "1e30", "-1e400", "0.5", "1.5e-7", "3.0"];

    public static string Mutate(string json, string other, Random random, IReadOnlyList<string> words)
    {
        if (random.Next(12) == 0) return TextMutator.Mutate(json, other, random, words);
        try
        {
            JsonNode root = JsonNode.Parse(json)!;
            for (int count = 1 + random.Next(3); count > 0; count--) Change(root, other, random, words);
            return root.ToJsonString(Plain);
        }
        catch (Exception fault) when (fault is JsonException or ArgumentException or InvalidOperationException or NullReferenceException)
        {
            return TextMutator.Mutate(json, other, random, words);
        }
    }

    private static void Change(JsonNode root, string other, Random random, IReadOnlyList<string> words)
    {
        JsonNode place = Descend(root, random);
        switch (place)
        {
            case JsonObject { Count: > 0 } node when random.Next(5) > 0:
                string key = node.ElementAt(random.Next(node.Count)).Key;
                if (random.Next(6) == 0) node.Remove(key);
                else if (random.Next(8) == 0) node[words[random.Next(words.Count)]] = node[key]?.DeepClone();
                else node[key] = Instead(node[key], key, root, other, random, words);
                break;
            case JsonObject node:
                node[words[random.Next(words.Count)]] = Any(root, random, words);
                break;
            case JsonArray { Count: > 0 } list when random.Next(5) > 0:
                int at = random.Next(list.Count);
                if (random.Next(4) == 0) list.RemoveAt(at);
                else if (random.Next(4) == 0) list.Insert(at, list[random.Next(list.Count)]?.DeepClone());
                else list[at] = Instead(list[at], "", root, other, random, words);
                break;
            case JsonArray list:
                list.Add(Any(root, random, words));
                break;
        }
    }

    // Vocabularies have most of the places; the parts of the pipeline are where the code is.
    private static JsonNode Descend(JsonNode node, Random random)
    {
        while (random.Next(4) > 0)
        {
            JsonNode[] inner = node switch
            {
                JsonObject entries => [.. entries.Take(40).Select(entry => entry.Value).Where(value => value is JsonObject or JsonArray)!],
                JsonArray items => [.. items.Take(40).Where(value => value is JsonObject or JsonArray)!],
                _ => [],
            };
            if (inner.Length == 0) return node;
            node = inner[random.Next(inner.Length)];
        }
        return node;
    }

    private static JsonNode? Instead(JsonNode? value, string key, JsonNode root, string other, Random random, IReadOnlyList<string> words)
    {
        switch (random.Next(6))
        {
            case 0:
                return Any(root, random, words);
            case 1 when key.Length > 0 && Elsewhere(other, key) is { } found:
                return found;
            case 2 when value is JsonObject inner && (key.Contains("token", StringComparison.Ordinal) || key is "normalizer" or "decoder" or "post_processor"):
                string list = key switch { "normalizer" => "normalizers", "decoder" => "decoders", "post_processor" => "processors", _ => "pretokenizers" };
                return new JsonObject { ["type"] = "Sequence", [list] = new JsonArray(inner.DeepClone(), random.Next(2) == 0 ? inner.DeepClone() : Any(root, random, words)) };
        }
        if (value is JsonValue text && text.TryGetValue(out string? found2)) return key == "type" ? TokenizerWords.Types[random.Next(TokenizerWords.Types.Length)] : TextMutator.Mutate(found2, other, random, words);
        if (value is JsonValue flag && flag.TryGetValue(out bool set)) return !set;
        if (value is JsonValue number && number.TryGetValue(out double old)) return random.Next(2) == 0 ? JsonNode.Parse(Numbers[random.Next(Numbers.Length)]) : JsonValue.Create(old + random.Next(-2, 3));
        return Any(root, random, words);
    }

    private static JsonNode? Elsewhere(string other, string key)
    {
        try
        {
            return Find(JsonNode.Parse(other), key)?.DeepClone();
        }
        catch (Exception fault) when (fault is JsonException or ArgumentException)
        {
            return null;
        }
    }

    private static JsonNode? Find(JsonNode? node, string key) => node switch
    {
        JsonObject entries => entries.TryGetPropertyValue(key, out JsonNode? value) && value is not null ? value : entries.Take(40).Select(entry => Find(entry.Value, key)).FirstOrDefault(found => found is not null),
        JsonArray items => items.Take(40).Select(item => Find(item, key)).FirstOrDefault(found => found is not null),
        _ => null,
    };

    private static JsonNode? Any(JsonNode root, Random random, IReadOnlyList<string> words)
    {
        switch (random.Next(9))
        {
            case 0: return null;
            case 1: return random.Next(2) == 0;
            case 2: return JsonNode.Parse(Numbers[random.Next(Numbers.Length)]);
            case 3: return words[random.Next(words.Count)];
            case 4: return "";
            case 5: return new JsonArray();
            case 6: return new JsonObject { ["type"] = TokenizerWords.Types[random.Next(TokenizerWords.Types.Length)] };
            case 7: return new JsonArray(words[random.Next(words.Count)], 1);
            default: return Descend(root, random).DeepClone();
        }
    }
}
