using System.Text.Json.Nodes;

namespace FineTuning.Training;

/// <summary>Where two recipes differ, setting by setting.</summary>
internal static class RecipeDifference
{
    private const int LongestValue = 120;

    /// <param name="stored">The recipe of a checkpoint.</param>
    /// <param name="now">The recipe of the run.</param>
    public static IReadOnlyList<string> Of(TrainingOptions stored, TrainingOptions now)
    {
        var differences = new List<string>();
        Add(differences, "", JsonNode.Parse(stored.WithoutWatchers().ToJson()), JsonNode.Parse(now.WithoutWatchers().ToJson()));
        return differences;
    }

    private static void Add(List<string> differences, string path, JsonNode? then, JsonNode? now)
    {
        if (JsonNode.DeepEquals(then, now)) return;
        if (then is JsonObject one && now is JsonObject other)
        {
            foreach (string key in one.Select(pair => pair.Key).Union(other.Select(pair => pair.Key)))
                Add(differences, path.Length == 0 ? key : $"{path}.{key}", one[key], other[key]);
        }
        else if (then is JsonArray first && now is JsonArray second && first.Count == second.Count)
        {
            for (int i = 0; i < first.Count; i++) Add(differences, $"{path}[{i}]", first[i], second[i]);
        }
        else
        {
            differences.Add($"the recipe's {path}: {Shown(then)} in the checkpoint, {Shown(now)} now");
        }
    }

    private static string Shown(JsonNode? value)
    {
        string text = value?.ToJsonString() ?? "none";
        return text.Length <= LongestValue ? text : string.Concat(text.AsSpan(0, LongestValue), "…");
    }
}
