using System.Text.Json.Nodes;

namespace FineTuning.Text;

/// <summary>The files of a trained vocabulary, in the form in which Hugging Face's libraries write them.</summary>
internal static class TrainedFiles
{
    public static JsonObject WordPiece(IReadOnlyList<string> entries, VocabularyOptions options) => File(entries, 5,
        new JsonObject { ["type"] = "BertNormalizer", ["clean_text"] = true, ["handle_chinese_chars"] = true, ["strip_accents"] = null,
            ["lowercase"] = options.Lowercase },
        new JsonObject { ["type"] = "BertPreTokenizer" },
        Template(entries, "[CLS]", "[SEP]"),
        new JsonObject { ["type"] = "WordPiece", ["prefix"] = "##", ["cleanup"] = true },
        new JsonObject { ["type"] = "WordPiece", ["unk_token"] = "[UNK]", ["continuing_subword_prefix"] = "##", ["max_input_chars_per_word"] = 100,
            ["vocab"] = Vocabulary(entries) });

    public static JsonObject ByteLevel(IReadOnlyList<string> entries, IReadOnlyList<(string Left, string Right)> merges) => File(entries, 5,
        null,
        new JsonObject { ["type"] = "ByteLevel", ["add_prefix_space"] = false, ["trim_offsets"] = true, ["use_regex"] = true },
        new JsonObject { ["type"] = "RobertaProcessing", ["sep"] = new JsonArray("</s>", 2), ["cls"] = new JsonArray("<s>", 0),
            ["trim_offsets"] = true, ["add_prefix_space"] = false },
        new JsonObject { ["type"] = "ByteLevel", ["add_prefix_space"] = true, ["trim_offsets"] = true, ["use_regex"] = true },
        new JsonObject
        {
            ["type"] = "BPE", ["dropout"] = null, ["unk_token"] = null, ["continuing_subword_prefix"] = null,
                ["end_of_word_suffix"] = null, ["fuse_unk"] = false,
            ["byte_fallback"] = false, ["ignore_merges"] = false, ["vocab"] = Vocabulary(entries),
            ["merges"] = new JsonArray([.. merges.Select(merge => (JsonNode)new JsonArray(merge.Left, merge.Right))]),
        });

    public static JsonObject BertConfig(VocabularyOptions options) => new()
    {
        ["tokenizer_class"] = "BertTokenizer", ["do_lower_case"] = options.Lowercase, ["tokenize_chinese_chars"] = true, ["strip_accents"] = null,
        ["unk_token"] = "[UNK]", ["sep_token"] = "[SEP]", ["pad_token"] = "[PAD]", ["cls_token"] = "[CLS]", ["mask_token"] = "[MASK]",
            ["model_max_length"] = options.MaximumLength,
    };

    public static JsonObject RobertaConfig(VocabularyOptions options) => new()
    {
        ["tokenizer_class"] = "RobertaTokenizer", ["add_prefix_space"] = false, ["bos_token"] = "<s>", ["eos_token"] = "</s>",
            ["sep_token"] = "</s>", ["cls_token"] = "<s>",
        ["unk_token"] = "<unk>", ["pad_token"] = "<pad>", ["mask_token"] = "<mask>", ["model_max_length"] = options.MaximumLength,
    };

    private static JsonObject File(IReadOnlyList<string> entries, int specials, JsonObject? normalizer, JsonObject cutter, JsonObject processor,
        JsonObject decoder, JsonObject model)
    {
        var added = new JsonArray();
        for (int id = 0; id < specials; id++)
        {
            added.Add(new JsonObject { ["id"] = id, ["content"] = entries[id], ["single_word"] = false, ["lstrip"] = entries[id] == "<mask>",
                ["rstrip"] = false, ["normalized"] = false, ["special"] = true });
        }
        return new JsonObject
        {
            ["version"] = "1.0", ["truncation"] = null, ["padding"] = null, ["added_tokens"] = added, ["normalizer"] = normalizer, ["pre_tokenizer"] = cutter,
            ["post_processor"] = processor, ["decoder"] = decoder, ["model"] = model,
        };
    }

    private static JsonObject Template(IReadOnlyList<string> entries, string first, string last)
    {
        JsonObject Special(string token, int type) => new() { ["SpecialToken"] = new JsonObject { ["id"] = token, ["type_id"] = type } };
        JsonObject Sequence(string name, int type) => new() { ["Sequence"] = new JsonObject { ["id"] = name, ["type_id"] = type } };
        JsonObject Entry(string token) => new() { ["id"] = token, ["ids"] = new JsonArray(entries.ToList().IndexOf(token)), ["tokens"] = new JsonArray(token) };
        return new JsonObject
        {
            ["type"] = "TemplateProcessing",
            ["single"] = new JsonArray(Special(first, 0), Sequence("A", 0), Special(last, 0)),
            ["pair"] = new JsonArray(Special(first, 0), Sequence("A", 0), Special(last, 0), Sequence("B", 1), Special(last, 1)),
            ["special_tokens"] = new JsonObject { [first] = Entry(first), [last] = Entry(last) },
        };
    }

    private static JsonObject Vocabulary(IReadOnlyList<string> entries)
    {
        var ids = new JsonObject();
        for (int id = 0; id < entries.Count; id++) ids[entries[id]] = id;
        return ids;
    }
}
