using System.Text.Json.Nodes;
using FineTuning.Errors;

namespace FineTuning.Text;

/// <summary>Reads the tokenizer files of a checkpoint folder as Hugging Face's AutoTokenizer does.</summary>
internal static class TokenizerFolder
{
    private const string ModelConfig = "config.json", Config = "tokenizer_config.json";

    /// <exception cref="CheckpointException">Files are missing, damaged, or of a kind that is not supported.</exception>
    public static TokenizerParts Read(string folder, TokenizerSettings? settings = null)
    {
        TokenizerFiles files = ReadFiles(folder, settings);
        TokenizerClass kind = TokenizerClass.Of(files);
        TokenizerParts parts = files.Fast is null ? SlowFiles.Read(files, kind) : FastFile.Read(files, kind);
        foreach (string name in ChatTemplateFiles.NamesIn(files.Source)) files.Source.Contents(name);
        // The model's own settings are the model's to save.
        var stored = files.Source.Read.Where(file => file.Key != ModelConfig).ToDictionary(file => file.Key, file => file.Value);
        if (settings is not null) stored[Config] = JsonFile.Bytes(files.Config);
        return parts with
        {
            MaximumLength = MaximumLength(files.Config),
            TruncateLeft = (files.Config.Text("truncation_side") ?? files.Fast?.Object("truncation")?.Text("direction")?.ToLowerInvariant()) == "left",
            PadLeft = (files.Config.Text("padding_side") ?? files.Fast?.Object("padding")?.Text("direction")?.ToLowerInvariant()
                ?? (kind.Name is "Llama" or "Gemma" ? "left" : "right")) == "left",
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
        IEnumerable<string> names = ChatTemplateFiles.NamesIn(files.Source);
        if (files.Source.Has(Config)) names = names.Append(Config);
        return (names.ToDictionary(name => name, files.Source.Contents),
            ChatTokens.Of(SpecialTokens.Roles(files, TokenizerClass.Of(files)), files.Config, files.SpecialTokens));
    }

    private static TokenizerFiles ReadFiles(string folder, TokenizerSettings? settings)
    {
        if (!Directory.Exists(folder)) throw new CheckpointException(folder, "no such folder");
        var source = new FolderFiles(folder);
        JsonObject config = source.TryJson(Config) ?? [];
        return new(
            source,
            source.TryJson("tokenizer.json"),
            settings is null ? config : settings.Over(config),
            source.TryJson("special_tokens_map.json") ?? [],
            source.TryJson(ModelConfig) ?? [])
        {
            Settings = settings ?? new TokenizerSettings(),
        };
    }

    // "No bound" is written as 10^30, which no integer holds.
    private static int? MaximumLength(JsonObject config) =>
        config.TryGetPropertyValue("model_max_length", out JsonNode? node) && node is JsonValue value && value.TryGetValue(out double length)
            && length is >= 1 and <= 1e9 ? (int)length : null;
}

/// <summary>The JSON files of a tokenizer folder.</summary>
internal sealed record TokenizerFiles(FolderFiles Source, JsonObject? Fast, JsonObject Config, JsonObject SpecialTokens, JsonObject ModelConfig)
{
    /// <summary>What was set by the caller and stands in the configuration already.</summary>
    public TokenizerSettings Settings { get; init; } = new();

    /// <summary>The folder, for messages.</summary>
    public string Folder => Source.Folder;

    public string PathOf(string name) => Source.PathOf(name);
}
