using System.Text.Json.Nodes;
using FineTuning.Errors;

namespace FineTuning.Text;

/// <summary>The model of tokenizer.json: byte pairs, WordPiece, unigrams or whole words.</summary>
internal static class ModelReader
{
    /// <summary>The most entries that a vocabulary has, and so the highest id.</summary>
    public const int LargestVocabulary = 4_000_000;

    /// <param name="node">The model.</param>
    /// <param name="spells">Whether words arrive as text and byte pairs spell them in bytes.</param>
    /// <param name="path">The file it stands in.</param>
    public static WordModel Read(JsonObject node, bool spells, string path)
    {
        switch (TypeOf(node))
        {
            case "WordPiece":
                return new WordPieceModel(Vocabulary(node, path), node.Text("unk_token") ?? "[UNK]", node.Text("continuing_subword_prefix") ?? "##",
                    node.Whole("max_input_chars_per_word") ?? 100);
            case "WordLevel":
                return new WordLevelModel(Vocabulary(node, path), node.Text("unk_token") ?? "<unk>");
            case "Unigram":
                return new UnigramModel(Pieces(node, path), node.Whole("unk_id") ?? -1, node.Flag("byte_fallback") ?? false, path);
            case "BPE":
                if (node.TryGetPropertyValue("dropout", out JsonNode? dropout) && dropout is JsonValue rate && rate.TryGetValue(out double share) && share > 0)
                {
                    throw new CheckpointException(path, $"its byte-pair dropout of {share} makes tokens a matter of chance, "
                        + "which is not supported; set it to null");
                }
                return new BytePairModel(Vocabulary(node, path), Merges(node, path), Settings(node, spells), path);
            default:
                throw Components.Unknown(path, "model", TypeOf(node));
        }
    }

    /// <summary>The kind of a model; the oldest files do not name it.</summary>
    public static string TypeOf(JsonObject node) =>
        node.Text("type") ?? (node.Array("merges") is not null ? "BPE" : node.Array("vocab") is not null ? "Unigram"
            : node.Text("continuing_subword_prefix") is not null ? "WordPiece" : "WordLevel");

    private static BytePairSettings Settings(JsonObject node, bool spells) => new()
    {
        ByteLevel = spells,
        IgnoreMerges = node.Flag("ignore_merges") ?? false,
        ByteFallback = node.Flag("byte_fallback") ?? false,
        FuseUnknown = node.Flag("fuse_unk") ?? false,
        Unknown = node.Text("unk_token"),
        Prefix = node.Text("continuing_subword_prefix") ?? "",
        Suffix = node.Text("end_of_word_suffix") ?? "",
    };

    private static void RequireSize(int entries, string path)
    {
        if (entries > LargestVocabulary) throw new CheckpointException(path, $"its vocabulary has {entries} entries; at most {LargestVocabulary} are read");
    }

    private static List<(string Piece, double Score)> Pieces(JsonObject model, string path)
    {
        JsonArray vocabulary = model.Array("vocab") ?? throw new CheckpointException(path, "its model has no 'vocab'");
        RequireSize(vocabulary.Count, path);
        var pieces = new List<(string Piece, double Score)>(vocabulary.Count);
        foreach (JsonNode? entry in vocabulary)
        {
            if (entry is JsonArray { Count: 2 } pair && pair[0] is JsonValue piece && piece.TryGetValue(out string? text) && pair[1] is JsonValue score
                && score.TryGetValue(out double number))
                pieces.Add((text, number));
            else throw new CheckpointException(path, $"the entry {entry?.ToJsonString()} of its vocabulary is not a piece with a score");
        }
        return pieces;
    }

    public static Dictionary<string, int> Vocabulary(JsonObject model, string path)
    {
        JsonObject vocabulary = model.Object("vocab") ?? throw new CheckpointException(path, "its model has no 'vocab'");
        RequireSize(vocabulary.Count, path);
        var ids = new Dictionary<string, int>(vocabulary.Count, StringComparer.Ordinal);
        foreach ((string token, JsonNode? id) in vocabulary)
        {
            ids[token] = id is JsonValue value && value.TryGetValue(out int number) && number is >= 0 and < LargestVocabulary ? number
                : throw new CheckpointException(path, $"the id of the token '{token}' is {id?.ToJsonString()}; "
                    + $"a number from 0 to {LargestVocabulary} was expected");
        }
        return ids;
    }

    private static List<(string Left, string Right)> Merges(JsonObject model, string path)
    {
        var merges = new List<(string Left, string Right)>();
        foreach (JsonNode? merge in model.Array("merges") ?? [])
        {
            if (merge is JsonArray { Count: 2 } pair && pair[0].Text() is { } left && pair[1].Text() is { } right) merges.Add((left, right));
            else if (merge is JsonValue value && value.TryGetValue(out string? line) && line.Split(' ') is { Length: 2 } sides)
                merges.Add((sides[0], sides[1]));
            else throw new CheckpointException(path, $"the merge {merge?.ToJsonString()} is not a pair");
        }
        return merges;
    }
}
