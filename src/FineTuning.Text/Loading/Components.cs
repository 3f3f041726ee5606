using System.Text;
using System.Text.Json.Nodes;
using FineTuning.Errors;

namespace FineTuning.Text;

/// <summary>The components of tokenizer.json by their types; a type that is not known is refused, never skipped.</summary>
internal static class Components
{
    public static Normalizer? Normalizer(JsonObject? node, string path)
    {
        if (node is null) return null;
        return node.Text("type") switch
        {
            "Sequence" => new SequenceNormalizer([.. Children(node, "normalizers").Select(child => Normalizer(child, path)).OfType<Normalizer>()]),
            "BertNormalizer" =>
                new BertNormalizer(node.Flag("clean_text") ?? true, node.Flag("handle_chinese_chars") ?? true,
                    node.Flag("strip_accents"), node.Flag("lowercase") ?? true),
            "NFC" => new UnicodeForm(compatible: false, composed: true),
            "NFD" => new UnicodeForm(compatible: false, composed: false),
            "NFKC" => new UnicodeForm(compatible: true, composed: true),
            "NFKD" => new UnicodeForm(compatible: true, composed: false),
            "Lowercase" => new LowercaseNormalizer(),
            "Strip" => new StripNormalizer(node.Flag("strip_left") ?? true, node.Flag("strip_right") ?? true),
            "StripAccents" => new StripAccentsNormalizer(),
            "Nmt" => new NmtNormalizer(),
            "Replace" => new ReplaceNormalizer(Pattern(node, path), node.Text("content") ?? ""),
            "Prepend" => new PrependNormalizer(node.Text("prepend") ?? ""),
            "ByteLevel" => new ByteLevelNormalizer(),
            "Precompiled" => PrecompiledNormalizer.FromBase64(node.Text("precompiled_charsmap"), path),
            { } other => throw Unknown(path, "normalizer", other),
            null => throw Unknown(path, "normalizer", "none"),
        };
    }

    /// <param name="node">The component. Null: there is none.</param>
    /// <param name="modelSpells">Whether the model spells words in bytes, where a byte-level step comes last.</param>
    /// <param name="path">The file it stands in.</param>
    public static PreTokenizer? PreTokenizer(JsonObject? node, bool modelSpells, string path)
    {
        if (node is null) return null;
        switch (node.Text("type"))
        {
            case "Sequence":
                JsonObject[] steps = [.. Children(node, "pretokenizers")];
                return new SequencePreTokenizer(
                    [.. steps.Select((child, position) => PreTokenizer(child, modelSpells && position == steps.Length - 1, path)).OfType<PreTokenizer>()]);
            case "BertPreTokenizer":
                return new BertPreTokenizer();
            case "ByteLevel":
                return new ByteLevelPreTokenizer(node.Flag("add_prefix_space") ?? true, node.Flag("use_regex") ?? true, spell: !modelSpells);
            case "Whitespace":
                return new WhitespacePreTokenizer();
            case "WhitespaceSplit":
                return new CharacterSplitter(UnicodeTables.Set("whitespace_split"), SplitBehavior.Removed);
            case "Punctuation":
                return new CharacterSplitter(UnicodeTables.Set("punctuation"), Behavior(node, path));
            case "Digits":
                return new CharacterSplitter(UnicodeTables.Set("digits"),
                    node.Flag("individual_digits") ?? false ? SplitBehavior.Isolated : SplitBehavior.Contiguous);
            case "Metaspace":
                return new MetaspacePreTokenizer(Mark(node, path), Scheme(node, path), node.Flag("split") ?? true);
            case "Split":
                return new SplitPreTokenizer(Pattern(node, path), Behavior(node, path), node.Flag("invert") ?? false);
            case "CharDelimiterSplit":
                string delimiter = node.Text("delimiter") ?? "";
                return new SplitPreTokenizer(SplitPattern.Literal(delimiter.Length > 0 ? delimiter
                    : throw new CheckpointException(path, "its CharDelimiterSplit has no delimiter")), SplitBehavior.Removed, invert: false);
            case "UnicodeScripts":
                return new UnicodeScriptsPreTokenizer();
            case "FixedLength":
                return new FixedLengthPreTokenizer(node.Whole("length") is > 0 and int length ? length
                    : throw new CheckpointException(path, "its FixedLength has no length above 0"));
            case { } other:
                throw Unknown(path, "pre_tokenizer", other);
            default:
                throw Unknown(path, "pre_tokenizer", "none");
        }
    }

    /// <summary>Whether the last step spells words in bytes.</summary>
    public static bool EndsInBytes(JsonObject? node) =>
        node is not null && (node.Text("type") == "ByteLevel" || (Children(node, "pretokenizers").LastOrDefault() is { } last && EndsInBytes(last)));

    public static Decoder? Decoder(JsonObject? node, string path)
    {
        if (node is null) return null;
        return node.Text("type") switch
        {
            "Sequence" => new SequenceDecoder([.. Children(node, "decoders").Select(child => Decoder(child, path)).OfType<Decoder>()]),
            "WordPiece" => new WordPieceDecoder(node.Text("prefix") ?? "##", node.Flag("cleanup") ?? true),
            "ByteLevel" => new ByteLevelDecoder(),
            "Replace" => new ReplaceDecoder(Pattern(node, path), node.Text("content") ?? ""),
            "ByteFallback" => new ByteFallbackDecoder(),
            "Fuse" => new FuseDecoder(),
            "Strip" => new StripDecoder(Character(node, "content", path), node.Whole("start") ?? 0, node.Whole("stop") ?? 0),
            "Metaspace" => new MetaspaceDecoder(Mark(node, path), Scheme(node, path)),
            "BPEDecoder" => new SuffixDecoder(node.Text("suffix") ?? "</w>"),
            "CTC" => new ConnectionistDecoder(node.Text("pad_token") ?? "<pad>", node.Text("word_delimiter_token") ?? "|", node.Flag("cleanup") ?? true),
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
                return (Templates.Around(SecondOf(node, "cls", path), SecondOf(node, "sep", path), roberta),
                    (roberta && (node.Flag("trim_offsets") ?? true), node.Flag("add_prefix_space") ?? true));
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

    private static SplitPattern Pattern(JsonObject node, string path)
    {
        if (node.Object("pattern")?.Text("String") is { } literal) return SplitPattern.Literal(literal);
        string source = node.Object("pattern")?.Text("Regex") ?? throw new CheckpointException(path, $"its {node.Text("type")} has no pattern");
        try
        {
            return SplitPattern.Expression(source);
        }
        catch (FormatException fault)
        {
            throw new CheckpointException(path, $"the pattern '{source}' of its {node.Text("type")} is not supported: {fault.Message}", fault);
        }
    }

    private static SplitBehavior Behavior(JsonObject node, string path)
    {
        string name = node.Text("behavior") ?? "Isolated";
        return Enum.TryParse(name, out SplitBehavior behavior) && Enum.IsDefined(behavior) ? behavior
            : throw new CheckpointException(path, $"the behavior '{name}' of its {node.Text("type")} is not supported");
    }

    private static Rune Character(JsonObject node, string key, string path)
    {
        string text = node.Text(key) ?? "";
        return Rune.DecodeFromUtf16(text, out Rune rune, out int size) == System.Buffers.OperationStatus.Done && size == text.Length
            ? rune : throw new CheckpointException(path, $"the '{key}' of its {node.Text("type")} is '{text}'; one character was expected");
    }

    private static char Mark(JsonObject node, string path) => Character(node, "replacement", path) is { IsBmp: true } rune ? (char)rune.Value
        : throw new CheckpointException(path, "a replacement beyond U+FFFF is not supported");

    // Older files say only whether there is a mark before the first word.
    private static PrependScheme Scheme(JsonObject node, string path) => node.Text("prepend_scheme") switch
    {
        "always" or "first" when node.Flag("add_prefix_space") is false =>
            throw new CheckpointException(path,
                $"its Metaspace has the prepend_scheme '{node.Text("prepend_scheme")}' and add_prefix_space false, which contradict each other"),
        "always" => PrependScheme.Always,
        "first" => PrependScheme.First,
        "never" => PrependScheme.Never,
        null => node.Flag("add_prefix_space") ?? true ? PrependScheme.Always : PrependScheme.Never,
        { } other => throw new CheckpointException(path, $"the prepend_scheme '{other}' is not supported"),
    };

    private static IEnumerable<JsonObject> Children(JsonObject node, string key) =>
        (node.Array(key) ?? []).Select(child => child as JsonObject
            ?? throw new CheckpointException("tokenizer.json", $"its '{key}' holds {child?.ToJsonString() ?? "null"}; an object was expected"));

    private static int SecondOf(JsonObject node, string key, string path) =>
        node.Array(key) is { Count: 2 } pair && pair[1] is JsonValue value && value.TryGetValue(out int id) && id is >= 0 and < ModelReader.LargestVocabulary
        ? id : throw new CheckpointException(path, $"its post_processor has no '{key}' of a token and an id");

    public static CheckpointException Unknown(string path, string component, string type) =>
        new(path, $"its {component} is of the type '{type}', which is not supported");
}
