using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace FineTuning.Text;

/// <summary>Adds tokens to a tokenizer and to the files it is saved as.</summary>
internal static class TokenAdding
{
    private static readonly JsonSerializerOptions Plain = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, WriteIndented = true };

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
            int place = added.FindIndex(other => other.Id == entry.Id);
            if (place >= 0) added[place] = entry;
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
            JsonObject root = JsonNode.Parse(stored)!.AsObject();
            root["added_tokens"] = new JsonArray([.. added.OrderBy(token => token.Id).Select(token => (JsonNode)Entry(token, withId: true))]);
            files["tokenizer.json"] = JsonSerializer.SerializeToUtf8Bytes(root, Plain);
        }
        JsonObject config = files.TryGetValue("tokenizer_config.json", out byte[]? settings) ? JsonNode.Parse(settings)!.AsObject() : [];
        var decoder = new JsonObject();
        foreach (AddedToken token in added.OrderBy(token => token.Id)) decoder[token.Id.ToString(System.Globalization.CultureInfo.InvariantCulture)] = Entry(token, withId: false);
        config["added_tokens_decoder"] = decoder;
        files["tokenizer_config.json"] = Bytes(config);
        return files;
    }

    /// <summary>A settings file's bytes, readable and with characters as they are.</summary>
    public static byte[] Bytes(JsonObject node) => JsonSerializer.SerializeToUtf8Bytes(node, Plain);

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
