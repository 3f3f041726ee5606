namespace FineTuning.Models;

/// <summary>
/// Qwen2 (Yang et al. 2024), LLaMA with biases on query, key and value, and Qwen3 (Yang et al. 2025), with norms on queries and keys in their place.
/// </summary>
internal static class QwenFamily
{
    private static readonly LlamaDefaults Qwen2Defaults = new() { Vocabulary = 151936, Inner = 22016, KeyHeads = 32 };
    private static readonly LlamaDefaults Qwen3Defaults = Qwen2Defaults with { HeadWidth = 128 };

    private static readonly NameTable Qwen3Names = LlamaFamily.Table([.. LlamaFamily.QueryKeyNorms, .. LlamaFamily.Trunk]);

    public static readonly ModelFamily Qwen2 = new()
    {
        ModelTypes = ["qwen2"],
        Read = config =>
        {
            DecoderSettings settings = Settings(config, "qwen2", Qwen2Defaults, attention => attention with { Bias = true, OutputBias = false });
            return new("Qwen2", settings.ToPlan(config), LlamaFamily.Names, settings.ToHeads());
        },
    };

    public static readonly ModelFamily Qwen3 = new()
    {
        ModelTypes = ["qwen3"],
        Read = config =>
        {
            NormPlan norm = NormPlan.RootMeanSquare(config.Number("rms_norm_eps", Qwen3Defaults.Epsilon, 0, 1));
            DecoderSettings settings = Settings(config, "qwen3", Qwen3Defaults, attention => attention with { QueryKeyNorm = norm });
            return new("Qwen3", settings.ToPlan(config), Qwen3Names, settings.ToHeads());
        },
    };

    private static DecoderSettings Settings(ConfigFile config, string modelType, LlamaDefaults defaults, Func<AttentionPlan, AttentionPlan> shape)
    {
        AttentionWindow? window = config.Flag("use_sliding_window", false) ? DecoderSettings.Window(config, 4096) : null;
        int from = config.Count("max_window_layers", 28, least: 0);
        IReadOnlyList<bool> sliding = DecoderSettings.Sliding(config, LlamaFamily.LayerCount(config, defaults), i => window is not null && i >= from);
        if (window is null && sliding.Contains(true))
        {
            throw config.Fault("'layer_types' names sliding_attention, but 'use_sliding_window' and 'sliding_window' give no window");
        }
        return LlamaFamily.Settings(
            config, modelType, defaults, (layer, i) => layer with { Attention = shape(layer.Attention) with { Window = sliding[i] ? window : null } });
    }
}
