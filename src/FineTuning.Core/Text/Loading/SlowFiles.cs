using System.Text.Json.Nodes;
using FineTuning.Errors;

namespace FineTuning.Text;

/// <summary>Folders without tokenizer.json: vocab.txt, or vocab.json with merges.txt, put together as the reference converts them.</summary>
internal static class SlowFiles
{
    public static TokenizerParts Read(TokenizerFiles files, TokenizerClass kind)
    {
        Dictionary<string, string> roles = SpecialTokens.Roles(files, kind);
        if (File.Exists(files.PathOf("vocab.txt"))) return WordPiece(files, kind, roles);
        if (File.Exists(files.PathOf("vocab.json")) && File.Exists(files.PathOf("merges.txt"))) return BytePairs(files, kind, roles);
        throw new CheckpointException(files.Folder, "it holds no tokenizer; tokenizer.json, vocab.txt, or vocab.json with merges.txt was expected");
    }

    private static TokenizerParts WordPiece(TokenizerFiles files, TokenizerClass kind, Dictionary<string, string> roles)
    {
        var vocabulary = new Dictionary<string, int>(StringComparer.Ordinal);
        int line = 0;
        foreach (string token in File.ReadLines(files.PathOf("vocab.txt"))) vocabulary[token.TrimEnd('\r')] = line++;
        if (kind.Roles.Count == 0) foreach ((string role, string token) in new TokenizerClass(TokenizerKind.Bert, BertDefaults).Roles) roles.TryAdd(role, token);
        var parts = new TokenizerParts
        {
            Normalizer = FastFile.BertSettings(files.Config),
            PreTokenizer = new BertPreTokenizer(),
            Model = new WordPieceModel(vocabulary, roles.GetValueOrDefault("unk_token", "[UNK]"), "##", 100, files.PathOf("vocab.txt")),
            Decoder = new WordPieceDecoder("##", cleanUp: true),
            AddedTokens = SpecialTokens.Configured(files) ?? Special(roles, vocabulary),
            Roles = roles,
        };
        return parts with { Template = FastFile.ClassTemplate(kind with { Kind = TokenizerKind.Bert }, parts, roles) ?? Template.Bare };
    }

    private static readonly Dictionary<string, string> BertDefaults = new()
    {
        ["unk_token"] = "[UNK]", ["sep_token"] = "[SEP]", ["pad_token"] = "[PAD]", ["cls_token"] = "[CLS]", ["mask_token"] = "[MASK]",
    };

    private static TokenizerParts BytePairs(TokenizerFiles files, TokenizerClass kind, Dictionary<string, string> roles)
    {
        if (kind.Roles.Count == 0) throw new CheckpointException(files.Folder, "its tokenizer has no tokenizer.json, and its class is not supported without one");
        JsonObject stored = JsonFile.TryRead(files.Folder, "vocab.json")!;
        Dictionary<string, int> vocabulary = Components.Vocabulary(new JsonObject { ["vocab"] = stored.DeepClone() }, files.PathOf("vocab.json"));
        var merges = new List<(string Left, string Right)>();
        foreach (string line in File.ReadLines(files.PathOf("merges.txt")))
        {
            if (line.StartsWith("#version", StringComparison.Ordinal) || line.Split(' ') is not { Length: 2 } sides) continue;
            merges.Add((sides[0], sides[1]));
        }
        bool roberta = kind.Kind == TokenizerKind.Roberta;
        var parts = new TokenizerParts
        {
            PreTokenizer = new ByteLevelPreTokenizer(files.Config.Flag("add_prefix_space") ?? false, useRegex: true),
            Model = new BytePairModel(vocabulary, merges, new BytePairSettings { ByteLevel = true }),
            Decoder = new ByteLevelDecoder(),
            AddedTokens = SpecialTokens.Configured(files) ?? Special(roles, vocabulary),
            Roles = roles,
            TrimOffsets = (roberta && (files.Config.Flag("trim_offsets") ?? true), files.Config.Flag("add_prefix_space") ?? false),
        };
        return parts with { Template = FastFile.ClassTemplate(kind, parts, roles) ?? Template.Bare };
    }

    private static List<AddedToken> Special(Dictionary<string, string> roles, Dictionary<string, int> vocabulary)
    {
        var tokens = new List<AddedToken>();
        foreach (string token in roles.Values)
        {
            if (!vocabulary.TryGetValue(token, out int id) || tokens.Exists(other => other.Content == token)) continue;
            tokens.Add(new AddedToken(token, id) { Special = true });
        }
        return tokens;
    }
}
