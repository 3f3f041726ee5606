using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;

namespace FineTuning.Testing;

/// <summary>Compares predictions of any type: as JSON, number by number.</summary>
internal static class Predictions
{
    private static readonly JsonSerializerOptions Options = new() { IncludeFields = true, NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals };

    public static JsonNode? Of<T>(T prediction) => JsonSerializer.SerializeToNode(prediction, prediction?.GetType() ?? typeof(T), Options);

    /// <summary>Where two predictions differ; null: nowhere.</summary>
    public static (string Path, string Left, string Right)? Difference<T>(T left, T right, double tolerance) => Difference(Of(left), Of(right), "$", tolerance);

    private static (string, string, string)? Difference(JsonNode? left, JsonNode? right, string path, double tolerance)
    {
        if (left is JsonObject one && right is JsonObject other && one.Count == other.Count)
        {
            foreach ((string name, JsonNode? value) in one)
            {
                if (!other.TryGetPropertyValue(name, out JsonNode? same)) return (path, Show(left), Show(right));
                if (Difference(value, same, $"{path}.{name}", tolerance) is { } found) return found;
            }
            return null;
        }
        if (left is JsonArray list && right is JsonArray others && list.Count == others.Count)
        {
            for (int i = 0; i < list.Count; i++)
            {
                if (Difference(list[i], others[i], $"{path}[{i}]", tolerance) is { } found) return found;
            }
            return null;
        }
        if (Number(left) is { } first && Number(right) is { } second && Numbers.Agree(first, second, tolerance)) return null;
        return JsonNode.DeepEquals(left, right) ? null : (path, Show(left), Show(right));
    }

    private static double? Number(JsonNode? node) => node is JsonValue value && value.GetValueKind() == JsonValueKind.Number ? value.GetValue<double>() : null;

    private static string Show(JsonNode? node)
    {
        string text = node?.ToJsonString() ?? "null";
        return text.Length <= 200 ? text : $"{text[..200]}...";
    }
}
