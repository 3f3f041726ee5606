using System.Text.Json.Nodes;
using FineTuning.Errors;

namespace FineTuning.Text;

/// <summary>The components of tokenizer.json by their types; a type that is not known is refused, never skipped.</summary>
internal static class Components
{
    private const int LargestVocabulary = 4_000_000;

    public static Normalizer? Normalizer(JsonObject? node, string path)
    {
        if (node is null) return null;
        return node.Text("type") switch
        {
            "Sequence" => new SequenceNormalizer([.. Children(node, "normalizers").Select(child => Normalizer(child, path)).OfType<Normalizer>()]),
            "BertNormalizer" => new BertNormalizer(node.Flag("clean_text") ?? true, node.Flag("handle_chinese_chars") ?? true, node.Flag("strip_accents"), node.Flag("lowercase") ?? true),
            { } other => throw Unknown(path, "normalizer", other),
            null => throw Unknown(path, "normalizer", "none"),
        };
    }

    public static PreTokenizer? PreTokenizer(JsonObject? node, string path)
    {
        if (node is null) return null;
        return node.Text("type") switch
        {
            "Sequence" => new SequencePreTokenizer([.. Children(node, "pretokenizers").Select(child => PreTokenizer(child, path)).OfType<PreTokenizer>()]),
            "BertPreTokenizer" => new BertPreTokenizer(),
            "ByteLevel" => new ByteLevelPreTokenizer(node.Flag("add_prefix_space") ?? true, node.Flag("use_regex") ?? true),
            { } other => throw Unknown(path, "pre_tokenizer", other),
            null => throw Unknown(path, "pre_tokenizer", "none"),
        };
    }

    public static bool UsesByteLevel(JsonObject? node) => node is not null && (node.Text("type") == "ByteLevel" || Children(node, "pretokenizers").Any(UsesByteLevel));

    public static WordModel Model(JsonObject node, bool byteLevel, string? unknown, bool classRebuilds, string path)
    {
        // The oldest files name no type: WordPiece is told by its prefix, byte pairs by their merges.
        string type = node.Text("type") ?? (node.Array("merges") is not null ? "BPE" : "WordPiece");
        switch (type)
        {
            case "WordPiece":
                string fallback = classRebuilds ? unknown ?? "[UNK]" : node.Text("unk_token") ?? "[UNK]";
                return new WordPieceModel(Vocabulary(node, path), fallback, classRebuilds ? "##" : node.Text("continuing_subword_prefix") ?? "##", classRebuilds ? 100 : node.Whole("max_input_chars_per_word") ?? 100, path);
            case "BPE":
                return new BytePairModel(Vocabulary(node, path), Merges(node, path), new BytePairSettings
                {
                    ByteLevel = byteLevel,
                    IgnoreMerges = node.Flag("ignore_merges") ?? false,
                    ByteFallback = node.Flag("byte_fallback") ?? false,
                    FuseUnknown = node.Flag("fuse_unk") ?? false,
                    Unknown = node.Text("unk_token"),
                    Prefix = node.Text("continuing_subword_prefix") ?? "",
                    Suffix = node.Text("end_of_word_suffix") ?? "",
                });
            default:
                throw Unknown(path, "model", type);
        }
    }

    public static Decoder? Decoder(JsonObject? node, string path)
    {
        if (node is null) return null;
        return node.Text("type") switch
        {
            "WordPiece" => new WordPieceDecoder(node.Text("prefix") ?? "##", node.Flag("cleanup") ?? true),
            "ByteLevel" => new ByteLevelDecoder(),
            { } other => throw Unknown(path, "decoder", other),
            null => throw Unknown(path, "decoder", "none"),
        };
    }

    /// <summary>The template, and whether offsets are trimmed, of a post-processor.</summary>
    public static (Template? Template, (bool Trim, bool AddPrefixSpace) Trim) PostProcessor(JsonObject? node, string path)
    {
        if (node is null) return (null, (false, false));
        switch (node.Text("type"))
        {
            case "TemplateProcessing":
                return (Templates.Read(node, path), (false, false));
            case "BertProcessing":
            case "RobertaProcessing":
                bool roberta = node.Text("type") == "RobertaProcessing";
                return (Templates.Around(SecondOf(node, "cls", path), SecondOf(node, "sep", path), roberta), (roberta && (node.Flag("trim_offsets") ?? true), node.Flag("add_prefix_space") ?? true));
            case "ByteLevel":
                return (Template.Bare, (node.Flag("trim_offsets") ?? true, node.Flag("add_prefix_space") ?? true));
            case "Sequence":
                (Template? Template, (bool Trim, bool AddPrefixSpace) Trim) all = (null, (false, false));
                foreach (JsonObject child in Children(node, "processors"))
                {
                    (Template? template, (bool Trim, bool AddPrefixSpace) trim) = PostProcessor(child, path);
                    if (template is not null && template != Template.Bare) all.Template = template;
                    if (trim.Trim) all.Trim = trim;
                }
                return all;
            case { } other:
                throw Unknown(path, "post_processor", other);
            default:
                throw Unknown(path, "post_processor", "none");
        }
    }

    public static Dictionary<string, int> Vocabulary(JsonObject model, string path)
    {
        JsonObject vocabulary = model.Object("vocab") ?? throw new CheckpointException(path, "its model has no 'vocab'");
        if (vocabulary.Count > LargestVocabulary) throw new CheckpointException(path, $"its vocabulary has {vocabulary.Count} entries; at most {LargestVocabulary} are read");
        var ids = new Dictionary<string, int>(vocabulary.Count, StringComparer.Ordinal);
        foreach ((string token, JsonNode? id) in vocabulary)
        {
            ids[token] = id is JsonValue value && value.TryGetValue(out int number) && number is >= 0 and < LargestVocabulary ? number
                : throw new CheckpointException(path, $"the id of the token '{token}' is {id?.ToJsonString()}; a number from 0 to {LargestVocabulary} was expected");
        }
        return ids;
    }

    private static List<(string Left, string Right)> Merges(JsonObject model, string path)
    {
        var merges = new List<(string Left, string Right)>();
        foreach (JsonNode? merge in model.Array("merges") ?? [])
        {
            if (merge is JsonArray { Count: 2 } pair) merges.Add(((string)pair[0]!, (string)pair[1]!));
            else if (merge is JsonValue value && value.TryGetValue(out string? line) && line.Split(' ') is { Length: 2 } sides) merges.Add((sides[0], sides[1]));
            else throw new CheckpointException(path, $"the merge {merge?.ToJsonString()} is not a pair");
        }
        return merges;
    }

    private static IEnumerable<JsonObject> Children(JsonObject node, string key) => (node.Array(key) ?? []).OfType<JsonObject>();

    private static int SecondOf(JsonObject node, string key, string path) => node.Array(key) is { Count: 2 } pair && pair[1] is JsonValue value && value.TryGetValue(out int id)
        ? id : throw new CheckpointException(path, $"its post_processor has no '{key}' of a token and an id");

    private static CheckpointException Unknown(string path, string component, string type) => new(path, $"its {component} is of the type '{type}', which is not supported");
}
