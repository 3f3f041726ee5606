namespace FineTuning.Models;

/// <summary>The families, found by config.json's model_type.</summary>
internal static class ModelFamilies
{
    private static readonly ModelFamily[] All =
    [
        BertFamily.Family, RobertaFamily.Family, DistilBertFamily.Family, ElectraFamily.Family, AlbertFamily.Family, MpnetFamily.Family, DebertaFamily.Family,
        ModernBertFamily.Family, Gpt2Family.Family, GptNeoFamily.Family, GptNeoXFamily.Family, OptFamily.Family, LlamaFamily.Family, MistralFamily.Family,
        QwenFamily.Qwen2, QwenFamily.Qwen3, GemmaFamily.Gemma2, GemmaFamily.Gemma3, PhiFamily.Family, OlmoFamily.Family, SmolLmFamily.Family, T5Family.Family,
        BartFamily.Bart, BartFamily.Marian,
    ];

    /// <exception cref="Errors.CheckpointException">The family is not supported; the message lists those that are.</exception>
    public static ModelFamily Of(ConfigFile config)
    {
        string type = config.Text("model_type") ?? throw config.Fault($"'model_type' is missing; one of {Known} was expected");
        return Array.Find(All, family => family.ModelTypes.Contains(type))
            ?? throw config.Fault($"'model_type' is '{type}', which is not supported; one of {Known} was expected. Code beside the weights is never run");
    }

    /// <summary>Whether a folder's config.json names a family that is supported.</summary>
    public static bool Supports(string folder) => ConfigFile.Read(folder).Text("model_type") is { } type && Knows(type);

    /// <summary>Whether a value of model_type names a family.</summary>
    public static bool Knows(string type) => Array.Exists(All, family => family.ModelTypes.Contains(type));

    private static string Known => string.Join(", ", All.SelectMany(family => family.ModelTypes).Order(StringComparer.Ordinal));
}
