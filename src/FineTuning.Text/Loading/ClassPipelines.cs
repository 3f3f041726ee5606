using System.Text.Json.Nodes;

namespace FineTuning.Text;

/// <summary>A pipeline in the notation of tokenizer.json.</summary>
internal sealed record PipelineNodes(JsonObject? Normalizer, JsonObject? PreTokenizer, JsonObject? PostProcessor, JsonObject? Decoder, JsonObject Model);

/// <summary>The pipelines of the reference's classes that build their own, from tokenizer_config.json's settings.</summary>
internal static class ClassPipelines
{
    private const string QwenPattern =
        @"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";

    /// <summary>The pipeline in force: the stored one, or that of a class that rebuilds it.</summary>
    /// <remarks>
    /// GPT-2's, Llama's, Gemma's and DeBERTa's classes of the newest reference rebuild too, and lose by it what the file says (digits cut apart, a second mark,
    /// the character map); here their files hold, as they did in the line before and do for the tokenizers library alone.
    /// </remarks>
    public static PipelineNodes InForce(TokenizerClass kind, PipelineNodes stored, JsonObject config, IReadOnlyDictionary<string, string> roles)
    {
        JsonObject? charsmap = Charsmap(stored.Normalizer);
        switch (kind.Name)
        {
            case "Bert" or "MPNet":
                stored.Model["unk_token"] = roles.GetValueOrDefault("unk_token", "[UNK]");
                stored.Model["continuing_subword_prefix"] = "##";
                stored.Model["max_input_chars_per_word"] = 100;
                return stored with { Normalizer = Bert(config), PreTokenizer = Of("BertPreTokenizer"),
                    Decoder = Node("""{"type":"WordPiece","prefix":"##","cleanup":true}""") };
            case "Roberta":
                JsonObject? around = stored.PostProcessor;
                if (around?.Text("type") is "RobertaProcessing")
                {
                    around["trim_offsets"] = config.Flag("trim_offsets") ?? true;
                    around["add_prefix_space"] = config.Flag("add_prefix_space") ?? false;
                }
                return stored with { Normalizer = null, PreTokenizer = ByteLevel(config), PostProcessor = around, Decoder = Of("ByteLevel") };
            case "GPTNeoX":
                return stored with { Normalizer = Of("NFC"), PreTokenizer = ByteLevel(config), PostProcessor = null, Decoder = Of("ByteLevel") };
            case "Qwen2":
                JsonObject words = new()
                    { ["type"] = "Split", ["pattern"] = new JsonObject { ["Regex"] = QwenPattern }, ["behavior"] = "Isolated", ["invert"] = false };
                JsonObject bytes = new() { ["type"] = "ByteLevel", ["add_prefix_space"] = config.Flag("add_prefix_space") ?? false, ["use_regex"] = false };
                return stored with { Normalizer = Of("NFC"), PreTokenizer = Sequence("pretokenizers", words, bytes), Decoder = Of("ByteLevel") };
            case "T5":
                stored.Model["unk_id"] = 2;
                return Marked(stored, charsmap, "always");
            case "XLMRoberta" or "Camembert":
                if (kind.Name == "XLMRoberta") stored.Model["unk_id"] = 3;
                return Marked(stored, charsmap, config.Flag("add_prefix_space") ?? true ? "always" : "never");
            case "Albert":
                stored.Model["unk_id"] = 1;
                return Marked(stored, Albert(config, charsmap), config.Flag("add_prefix_space") ?? true ? "always" : "never");
            default:
                return stored;
        }
    }

    /// <summary>Marks to spaces, bytes to characters, and the first space dropped where one was put there.</summary>
    public static JsonObject FallbackDecoder(bool prefix)
    {
        var steps = new List<JsonNode> { Replace("\u2581", " "), Of("ByteFallback"), Of("Fuse") };
        if (prefix) steps.Add(Node("""{"type":"Strip","content":" ","start":1,"stop":0}"""));
        return Sequence("decoders", steps);
    }

    /// <summary>What the caller sets, for the classes whose files hold otherwise.</summary>
    public static PipelineNodes Set(TokenizerClass kind, PipelineNodes nodes, TokenizerSettings settings)
    {
        switch (kind.Name)
        {
            case "GPT2" when settings.AddPrefixSpace is { } space:
                foreach (JsonObject step in Steps(nodes.PreTokenizer, "pretokenizers")) if (step.Text("type") == "ByteLevel") step["add_prefix_space"] = space;
                return nodes;
            case "Llama" when settings.AddPrefixSpace is not null || settings.Legacy is not null:
                string scheme = settings.AddPrefixSpace == false ? "never" : settings.Legacy == true ? "always" : "first";
                return nodes with { Normalizer = null, PreTokenizer = Metaspace(scheme, split: false), Decoder = FallbackDecoder(scheme != "never") };
            case "DebertaV2":
                if (settings.LowerCase == true)
                    nodes = nodes
                        with { Normalizer = Sequence(
                            "normalizers", [Of("Lowercase"), .. nodes.Normalizer is { } first ? [first.DeepClone()] : Array.Empty<JsonNode>()]) };
                if (settings.SplitByPunctuation != true) return nodes;
                JsonObject punctuation = Node("""{"type":"Punctuation","behavior":"Isolated"}""");
                return nodes
                    with { PreTokenizer = Sequence(
                        "pretokenizers", [punctuation, .. nodes.PreTokenizer is { } words ? [words.DeepClone()] : Array.Empty<JsonNode>()]) };
            default:
                return nodes;
        }
    }

    private static IEnumerable<JsonObject> Steps(JsonObject? node, string key) =>
        node is null ? [] : node.Array(key) is { } steps ? steps.OfType<JsonObject>().SelectMany(step => Steps(step, key)) : [node];

    /// <summary>BERT's normalizer; its defaults are those of the uncased model.</summary>
    public static JsonObject Bert(JsonObject config) => new()
    {
        ["type"] = "BertNormalizer",
        ["clean_text"] = true,
        ["handle_chinese_chars"] = config.Flag("tokenize_chinese_chars") ?? true,
        ["strip_accents"] = config.Flag("strip_accents"),
        ["lowercase"] = config.Flag("do_lower_case") ?? true,
    };

    public static JsonObject ByteLevel(JsonObject config) =>
        new() { ["type"] = "ByteLevel", ["add_prefix_space"] = config.Flag("add_prefix_space") ?? false, ["use_regex"] = true };

    public static JsonObject Metaspace(string scheme, bool split = true) =>
        new() { ["type"] = "Metaspace", ["replacement"] = "\u2581", ["prepend_scheme"] = scheme, ["split"] = split };

    public static JsonObject Of(string type) => new() { ["type"] = type };

    public static JsonObject Node(string json) => JsonNode.Parse(json)!.AsObject();

    public static JsonObject Sequence(string key, params IEnumerable<JsonNode> parts) => new() { ["type"] = "Sequence", [key] = new JsonArray([.. parts]) };

    public static JsonObject Replace(string what, string content, bool regex = false) =>
        new() { ["type"] = "Replace", ["pattern"] = new JsonObject { [regex ? "Regex" : "String"] = what }, ["content"] = content };

    /// <summary>The first character map of a normalizer.</summary>
    public static JsonObject? Charsmap(JsonObject? normalizer)
    {
        if (normalizer is null) return null;
        if (normalizer.Text("type") == "Precompiled") return (JsonObject)normalizer.DeepClone();
        return (normalizer.Array("normalizers") ?? []).OfType<JsonObject>().Select(Charsmap).FirstOrDefault(found => found is not null);
    }

    private static PipelineNodes Marked(PipelineNodes stored, JsonObject? normalizer, string scheme) => stored with
    {
        Normalizer = normalizer,
        PreTokenizer = Sequence("pretokenizers", Of("WhitespaceSplit"), Metaspace(scheme)),
        Decoder = Metaspace(scheme),
    };

    private static JsonObject Albert(JsonObject config, JsonObject? charsmap)
    {
        var steps = new List<JsonNode> { Replace("``", "\""), Replace("''", "\"") };
        if (!(config.Flag("keep_accents") ?? false)) steps.AddRange([Of("NFKD"), Of("StripAccents")]);
        if (config.Flag("do_lower_case") ?? true) steps.Add(Of("Lowercase"));
        if (charsmap is not null) steps.Add(charsmap);
        return Sequence("normalizers", steps);
    }
}
