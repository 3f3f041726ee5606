using System.Globalization;
using System.Text.Json.Nodes;

namespace FineTuning.Text;

/// <summary>Roles and added tokens, from the three files they may stand in.</summary>
internal static class SpecialTokens
{
    public static readonly string[] Names = ["bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token"];

    /// <summary>Special tokens by role: the class's own, overridden by tokenizer_config.json and special_tokens_map.json.</summary>
    public static Dictionary<string, string> Roles(TokenizerFiles files, TokenizerClass kind)
    {
        var roles = new Dictionary<string, string>(kind.Roles);
        // The older file goes before settings of its own age, which list no added tokens; what the caller says goes before both.
        bool old = files.Config.Object("added_tokens_decoder") is null;
        foreach (string name in Names)
        {
            string? mapped = Content(files.SpecialTokens, name);
            if (mapped is not null) roles[name] = mapped;
            if (old && mapped is not null && !files.Settings.SpecialTokens.ContainsKey(name)) continue;
            if (Content(files.Config, name) is { } configured) roles[name] = configured;
            else if (files.Config.ContainsKey(name)) roles.Remove(name);
        }
        return roles;
    }

    /// <summary>tokenizer_config.json's added_tokens_decoder; null where it has none.</summary>
    public static List<AddedToken>? Configured(TokenizerFiles files)
    {
        if (files.Config.Object("added_tokens_decoder") is not { } decoder) return null;
        var tokens = new List<AddedToken>();
        foreach ((string key, JsonNode? node) in decoder)
        {
            if (node is JsonObject token && int.TryParse(key, NumberStyles.None, CultureInfo.InvariantCulture, out int id) && Read(token, id) is { } added)
                tokens.Add(added);
        }
        return tokens;
    }

    /// <summary>
    /// Added tokens where tokenizer_config.json has no list of them: those of added_tokens.json with their ids, the roles and the additional special tokens;
    /// what is not in the vocabulary is put behind it.
    /// </summary>
    public static List<AddedToken> Loose(TokenizerFiles files, Dictionary<string, string> roles, IReadOnlyDictionary<string, int> vocabulary)
    {
        var tokens = new List<AddedToken>();
        foreach ((string content, JsonNode? id) in files.Source.TryJson("added_tokens.json") ?? [])
        {
            if (content.Length > 0 && id is JsonValue value && value.TryGetValue(out int number) && number >= 0) tokens.Add(new AddedToken(content, number));
        }
        int next = Math.Max(vocabulary.Count == 0 ? -1 : vocabulary.Values.Max(), tokens.Select(token => token.Id).DefaultIfEmpty(-1).Max()) + 1;
        foreach (string content in roles.Values.Concat(Additional(files)))
        {
            int index = tokens.FindIndex(token => token.Content == content);
            if (index >= 0) tokens[index] = tokens[index] with { Special = true };
            else if (content.Length > 0) tokens.Add(new AddedToken(content, vocabulary.TryGetValue(content, out int id) ? id : next++) { Special = true });
        }
        return tokens;
    }

    private static IEnumerable<string> Additional(TokenizerFiles files) =>
        from source in new[] { files.SpecialTokens, files.Config }
        from key in new[] { "additional_special_tokens", "extra_special_tokens" }
        from token in source.Array(key) ?? []
        let content = token is JsonObject entry ? entry.Text("content") : token is JsonValue value && value.TryGetValue(out string? text) ? text : null
        where content is not null
        select content;

    /// <summary>Added tokens that have a role are special, whatever their own entry says.</summary>
    /// <remarks>A role whose token is nowhere is put behind the vocabulary, as the reference does.</remarks>
    public static List<AddedToken> WithRoles(List<AddedToken> tokens, Dictionary<string, string> roles, IReadOnlyDictionary<string, int> vocabulary)
    {
        List<AddedToken> all = tokens.ConvertAll(token => roles.ContainsValue(token.Content) ? token with { Special = true } : token);
        foreach (string token in roles.Values.Distinct(StringComparer.Ordinal))
        {
            if (token.Length == 0 || vocabulary.ContainsKey(token) || all.Exists(other => other.Content == token)) continue;
            all.Add(new AddedToken(token, Math.Max(vocabulary.Count, all.Select(other => other.Id).DefaultIfEmpty(-1).Max() + 1)) { Special = true });
        }
        return all;
    }

    /// <summary>tokenizer.json's added_tokens.</summary>
    public static List<AddedToken> Stored(JsonObject fast) =>
        [.. (fast.Array("added_tokens") ?? []).OfType<JsonObject>().Select(token => Read(token, token.Whole("id") ?? -1)).OfType<AddedToken>()];

    /// <summary>The content of a special token, which may be a string or an object.</summary>
    private static string? Content(JsonObject node, string name) => node.Text(name) ?? node.Object(name)?.Text("content");

    private static AddedToken? Read(JsonObject token, int id) =>
        id < 0 || token.Text("content") is not { Length: > 0 } content ? null : new AddedToken(content, id)
    {
        SingleWord = token.Flag("single_word") ?? false,
        StripLeft = token.Flag("lstrip") ?? false,
        StripRight = token.Flag("rstrip") ?? false,
        Normalized = token.Flag("normalized") ?? false,
        Special = token.Flag("special") ?? false,
    };
}
