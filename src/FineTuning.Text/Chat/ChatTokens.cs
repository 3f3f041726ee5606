using System.Text.Json.Nodes;

namespace FineTuning.Text;

/// <summary>The special tokens that templates see: those with a role, and what else a folder's settings call a token.</summary>
internal static class ChatTokens
{
    public static IReadOnlyDictionary<string, string> Of(IReadOnlyDictionary<string, string> roles, JsonObject config, JsonObject map)
    {
        var tokens = new Dictionary<string, string>(roles);
        foreach (JsonObject source in new[] { config, map })
        {
            foreach ((string name, JsonNode? value) in source)
            {
                // A role that the settings set to null is none, whatever the older file says.
                if (name.EndsWith("_token", StringComparison.Ordinal) && !SpecialTokens.Names.Contains(name) && Content(value) is { } token)
                    tokens.TryAdd(name, token);
            }
            foreach ((string name, JsonNode? value) in source.Object("extra_special_tokens") ?? [])
            {
                if (Content(value) is { } token) tokens[name] = token;
            }
        }
        return tokens;
    }

    private static string? Content(JsonNode? node) =>
        node is JsonObject entry ? entry.Text("content") : node is JsonValue value && value.TryGetValue(out string? text) ? text : null;
}
