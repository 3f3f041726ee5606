using System.Text.Json.Nodes;
using FineTuning.Errors;

namespace FineTuning.Text;

/// <summary>Reads the tokenizer files of a checkpoint folder as Hugging Face's AutoTokenizer does.</summary>
internal static class TokenizerFolder
{
    private static readonly string[] FileNames =
    [
        "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json", "vocab.txt", "vocab.json", "merges.txt",
        "spiece.model", "sentencepiece.bpe.model", "tokenizer.model", "spm.model",
    ];

    /// <exception cref="CheckpointException">Files are missing, damaged, or of a kind that is not supported.</exception>
    public static TokenizerParts Read(string folder, TokenizerSettings? settings = null)
    {
        TokenizerFiles files = ReadFiles(folder, settings);
        TokenizerClass kind = TokenizerClass.Of(files);
        TokenizerParts parts = files.Fast is null ? SlowFiles.Read(files, kind) : FastFile.Read(files, kind);
        var stored = FileNames.Where(name => File.Exists(Path.Combine(folder, name))).Concat(ChatTemplateFiles.NamesIn(folder)).ToDictionary(name => name, name => File.ReadAllBytes(Path.Combine(folder, name)));
        if (settings is not null) stored["tokenizer_config.json"] = TokenAdding.Bytes(files.Config);
        return parts with
        {
            MaximumLength = MaximumLength(files.Config),
            TruncateLeft = (files.Config.Text("truncation_side") ?? files.Fast?.Object("truncation")?.Text("direction")?.ToLowerInvariant()) == "left",
            PadLeft = (files.Config.Text("padding_side") ?? files.Fast?.Object("padding")?.Text("direction")?.ToLowerInvariant() ?? (kind.Name is "Llama" or "Gemma" ? "left" : "right")) == "left",
            CleanUp = files.Config.Flag("clean_up_tokenization_spaces") ?? false,
            SplitSpecialTokens = files.Config.Flag("split_special_tokens") ?? false,
            Files = stored,
            Folder = folder,
            ChatTokens = ChatTokens.Of(parts.Roles, files.Config, files.SpecialTokens),
        };
    }

    /// <summary>What chat templates need of a folder: the files that may hold templates, and the special tokens.</summary>
    /// <exception cref="CheckpointException">There is no such folder, or its files are damaged.</exception>
    public static (IReadOnlyDictionary<string, byte[]> Files, IReadOnlyDictionary<string, string> Tokens) ReadChat(string folder)
    {
        TokenizerFiles files = ReadFiles(folder, null);
        IEnumerable<string> names = ChatTemplateFiles.NamesIn(folder);
        if (File.Exists(Path.Combine(folder, "tokenizer_config.json"))) names = names.Append("tokenizer_config.json");
        return (names.ToDictionary(name => name, name => File.ReadAllBytes(Path.Combine(folder, name))),
            ChatTokens.Of(SpecialTokens.Roles(files, TokenizerClass.Of(files)), files.Config, files.SpecialTokens));
    }

    private static TokenizerFiles ReadFiles(string folder, TokenizerSettings? settings)
    {
        if (!Directory.Exists(folder)) throw new CheckpointException(folder, "no such folder");
        JsonObject config = JsonFile.TryRead(folder, "tokenizer_config.json") ?? [];
        return new(
            folder,
            JsonFile.TryRead(folder, "tokenizer.json"),
            settings is null ? config : settings.Over(config),
            JsonFile.TryRead(folder, "special_tokens_map.json") ?? [],
            JsonFile.TryRead(folder, "config.json") ?? [])
        {
            Settings = settings ?? new TokenizerSettings(),
        };
    }

    // "No bound" is written as 10^30, which no integer holds.
    private static int? MaximumLength(JsonObject config) =>
        config.TryGetPropertyValue("model_max_length", out JsonNode? node) && node is JsonValue value && value.TryGetValue(out double length) && length is >= 1 and <= 1e9 ? (int)length : null;
}

/// <summary>The JSON files of a tokenizer folder.</summary>
internal sealed record TokenizerFiles(string Folder, JsonObject? Fast, JsonObject Config, JsonObject SpecialTokens, JsonObject ModelConfig)
{
    /// <summary>What was set by the caller and stands in the configuration already.</summary>
    public TokenizerSettings Settings { get; init; } = new();

    public string PathOf(string name) => Path.Combine(Folder, name);
}
