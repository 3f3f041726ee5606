using System.Text.Json.Nodes;
using FineTuning.Errors;

namespace FineTuning.Text;

/// <summary>tokenizer.json, version 1.0.</summary>
internal static class FastFile
{
    public static TokenizerParts Read(TokenizerFiles files, TokenizerClass kind)
    {
        JsonObject root = files.Fast!;
        string path = files.PathOf("tokenizer.json");
        if (root.Text("version") is { } version and not "1.0") throw new CheckpointException(path, $"its version is '{version}'; '1.0' was expected");
        JsonObject model = root.Object("model") ?? throw new CheckpointException(path, "it has no 'model'");
        PreTokenizer? words = kind.Kind switch
        {
            TokenizerKind.Bert => new BertPreTokenizer(),
            TokenizerKind.Roberta => new ByteLevelPreTokenizer(files.Config.Flag("add_prefix_space") ?? false, useRegex: true),
            _ => Components.PreTokenizer(root.Object("pre_tokenizer"), path),
        };
        bool byteLevel = kind.Kind == TokenizerKind.Roberta || (kind.Kind == TokenizerKind.AsStored && Components.UsesByteLevel(root.Object("pre_tokenizer")));
        Dictionary<string, string> roles = SpecialTokens.Roles(files, kind);
        var parts = new TokenizerParts
        {
            Normalizer = kind.Kind switch
            {
                TokenizerKind.Bert => BertSettings(files.Config),
                TokenizerKind.Roberta => null,
                _ => Components.Normalizer(root.Object("normalizer"), path),
            },
            PreTokenizer = words,
            Model = Components.Model(model, byteLevel, roles.GetValueOrDefault("unk_token"), kind.Kind == TokenizerKind.Bert, path),
            Decoder = kind.Kind switch
            {
                TokenizerKind.Bert => new WordPieceDecoder("##", cleanUp: true),
                TokenizerKind.Roberta => new ByteLevelDecoder(),
                _ => Components.Decoder(root.Object("decoder"), path),
            },
            AddedTokens = Added(files, kind, root, model, roles),
            Roles = roles,
        };
        (Template? template, (bool, bool) trim) = Components.PostProcessor(root.Object("post_processor"), path);
        if (kind.Kind == TokenizerKind.Roberta) trim = (files.Config.Flag("trim_offsets") ?? true, files.Config.Flag("add_prefix_space") ?? false);
        return parts with { Template = template ?? ClassTemplate(kind, parts, roles) ?? Template.Bare, TrimOffsets = trim };
    }

    /// <summary>BERT's normalizer as tokenizer_config.json sets it; its defaults are those of the uncased model.</summary>
    public static BertNormalizer BertSettings(JsonObject config) => new(
        clean: true, config.Flag("tokenize_chinese_chars") ?? true, config.Flag("strip_accents"), config.Flag("do_lower_case") ?? true);

    /// <summary>What a class puts around a text where no file says it.</summary>
    public static Template? ClassTemplate(TokenizerClass kind, TokenizerParts parts, Dictionary<string, string> roles)
    {
        int? Id(string role)
        {
            string token = roles.GetValueOrDefault(role) ?? "";
            return parts.AddedTokens.FirstOrDefault(added => added.Content == token)?.Id ?? (parts.Model.Vocabulary.TryGetValue(token, out int id) ? id : null);
        }
        if (kind.Kind == TokenizerKind.AsStored || Id("cls_token") is not { } cls || Id("sep_token") is not { } sep) return null;
        return Templates.Around(cls, sep, doubled: kind.Kind == TokenizerKind.Roberta);
    }

    // Under a class that rebuilds, the settings' list replaces the file's; without such a list, the file's stands.
    private static List<AddedToken> Added(TokenizerFiles files, TokenizerClass kind, JsonObject root, JsonObject model, Dictionary<string, string> roles)
    {
        List<AddedToken> stored = SpecialTokens.Stored(root);
        if (SpecialTokens.Configured(files) is { } configured)
        {
            if (kind.Kind != TokenizerKind.AsStored) return configured;
            return [.. stored.Where(token => configured.TrueForAll(other => other.Id != token.Id)), .. configured];
        }
        var vocabulary = model.Object("vocab");
        foreach (string role in roles.Values.Distinct(StringComparer.Ordinal))
        {
            if (stored.Exists(token => token.Content == role) || vocabulary?.Whole(role) is not { } id) continue;
            stored.Add(new AddedToken(role, id) { Special = true });
        }
        return stored;
    }
}
