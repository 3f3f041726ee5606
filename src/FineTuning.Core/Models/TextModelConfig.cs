using System.Text.Json.Nodes;

namespace FineTuning.Models;

/// <summary>The configuration of the text model inside a multimodal checkpoint: <c>text_config</c>, and what the outer file says for both.</summary>
/// <remarks>Towers for images and sound are left out; their tensors are listed as ignored in the load report.</remarks>
internal static class TextModelConfig
{
    private const string Key = "text_config";

    // Others attend to their text in a way of their own, and are refused by their model_type.
    private static readonly string[] Wrappers = ["gemma3", "llava", "llava_next", "llava_onevision", "mistral3"];

    private static readonly string[] Shared =
    [
        "dtype", "torch_dtype", "tie_word_embeddings", "pad_token_id", "bos_token_id", "eos_token_id", "id2label", "label2id", "problem_type",
        "quantization_config", "transformers_version",
    ];

    /// <summary>How the text model's tensors begin there, and what that means.</summary>
    public static IReadOnlyList<(string From, string To)> Renames { get; } =
    [
        ("model.language_model.lm_head.", "lm_head."), ("model.language_model.", "model."), ("language_model.model.", "model."),
        ("language_model.lm_head.", "lm_head."),
    ];

    /// <summary>The text model's configuration, or the file itself where it is no multimodal checkpoint's.</summary>
    public static ConfigFile Of(ConfigFile config)
    {
        if (config.Text("model_type") is not { } wrapper || !Wrappers.Contains(wrapper)) return config;
        ConfigFile text = config.Section(Key) ?? throw config.Fault($"'{Key}' is missing, which holds the text model of a checkpoint of the kind '{wrapper}'");
        var root = (JsonObject)text.Root.DeepClone();
        foreach (string key in Shared)
        {
            if (!root.ContainsKey(key) && config.Root[key] is { } value) root[key] = value.DeepClone();
        }
        // Early files leave the kind of the text model to the kind of the whole.
        if (!text.Has("model_type"))
        {
            root["model_type"] = wrapper switch { "gemma3" => "gemma3_text", "mistral3" => "mistral", "llava_onevision" => "qwen2", _ => "llama" };
        }
        ConfigFile own = config.With(root);
        string kind = own.Text("model_type")!;
        if (!ModelFamilies.Knows(kind)) throw config.Fault($"the text model is of the kind '{kind}', which is not supported");
        // The whole generates by its text model.
        string generates = HeadKind.SequenceToSequence.ClassSuffix, language = HeadKind.CausalLanguage.ClassSuffix;
        IEnumerable<string> classes = config.Words("architectures").Select(name => name.Replace(generates, language, StringComparison.Ordinal));
        root["architectures"] = new JsonArray([.. classes.Select(name => JsonValue.Create(name))]);
        return own;
    }
}
