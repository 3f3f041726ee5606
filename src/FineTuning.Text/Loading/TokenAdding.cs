using System.Globalization;
using System.Text.Json.Nodes;

namespace FineTuning.Text;

/// <summary>Adds tokens to a tokenizer and to the files it is saved as.</summary>
internal static class TokenAdding
{
    private const string ConfigName = "tokenizer_config.json";

    public static TokenizerParts Apply(TokenizerParts parts, IEnumerable<NewToken> tokens)
    {
        var added = new List<AddedToken>(parts.AddedTokens);
        foreach (NewToken token in tokens)
        {
            if (token.Content.Length == 0) continue;
            AddedToken entry = new(token.Content, IdOf(token.Content, parts.Model, added))
            {
                SingleWord = token.SingleWord,
                StripLeft = token.StripLeft,
                StripRight = token.StripRight,
                Normalized = token.Normalized ?? !token.Special,
                Special = token.Special,
            };
            int index = added.FindIndex(other => other.Id == entry.Id);
            if (index >= 0) added[index] = entry;
            else added.Add(entry);
        }
        return parts with { AddedTokens = added, Files = Write(parts, added) };
    }

    // As the reference numbers them: behind the model's vocabulary, or behind what was added there before.
    private static int IdOf(string content, WordModel model, List<AddedToken> added)
    {
        if (added.Find(token => token.Content == content) is { } known) return known.Id;
        if (model.Vocabulary.TryGetValue(content, out int id)) return id;
        int highest = added.Count == 0 ? -1 : added.Max(token => token.Id);
        return Math.Max(model.Vocabulary.Count, highest + 1);
    }

    private static Dictionary<string, byte[]> Write(TokenizerParts parts, List<AddedToken> added)
    {
        var files = new Dictionary<string, byte[]>(parts.Files);
        if (files.TryGetValue("tokenizer.json", out byte[]? stored))
        {
            JsonObject root = JsonFile.Parse(stored, Path.Combine(parts.Folder, "tokenizer.json"));
            root["added_tokens"] = new JsonArray([.. added.OrderBy(token => token.Id).Select(token => (JsonNode)Entry(token, withId: true))]);
            files["tokenizer.json"] = JsonFile.Bytes(root);
        }
        JsonObject config = files.TryGetValue(ConfigName, out byte[]? settings) ? JsonFile.Parse(settings, Path.Combine(parts.Folder, ConfigName)) : [];
        var decoder = new JsonObject();
        foreach (AddedToken token in added.OrderBy(token => token.Id)) decoder[token.Id.ToString(CultureInfo.InvariantCulture)] = Entry(token, withId: false);
        config["added_tokens_decoder"] = decoder;
        files[ConfigName] = JsonFile.Bytes(config);
        return files;
    }

    private static JsonObject Entry(AddedToken token, bool withId)
    {
        var entry = new JsonObject();
        if (withId) entry["id"] = token.Id;
        entry["content"] = token.Content;
        entry["single_word"] = token.SingleWord;
        entry["lstrip"] = token.StripLeft;
        entry["rstrip"] = token.StripRight;
        entry["normalized"] = token.Normalized;
        entry["special"] = token.Special;
        return entry;
    }
}
