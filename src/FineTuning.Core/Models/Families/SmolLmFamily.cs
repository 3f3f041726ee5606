namespace FineTuning.Models;

/// <summary>SmolLM3 (Bakouch et al. 2025): LLaMA in which some layers know no positions (Yang et al. 2025).</summary>
internal static class SmolLmFamily
{
    private static readonly LlamaDefaults Defaults = new()
    {
        Vocabulary = 128256, Hidden = 2048, Layers = 36, Heads = 16, KeyHeads = 4, RotaryBase = 2e6, Ties = true, Pad = 128004,
    };

    public static readonly ModelFamily Family = new()
    {
        ModelTypes = ["smollm3"],
        Read = config =>
        {
            int layers = LlamaFamily.LayerCount(config, Defaults), interval = config.Count("no_rope_layer_interval", 4);
            // 1 says that a layer turns queries and keys.
            IReadOnlyList<int> turns = config.Has("no_rope_layers")
                ? config.Counts("no_rope_layers", layers, most: 1) : [.. Enumerable.Range(0, layers).Select(i => (i + 1) % interval == 0 ? 0 : 1)];
            AttentionWindow? window = config.Flag("use_sliding_window", false) ? DecoderSettings.Window(config) : null;
            IReadOnlyList<bool> sliding = DecoderSettings.Sliding(config, layers, i => window is not null && turns[i] == 0);
            DecoderSettings settings = LlamaFamily.Settings(config, "smollm3", Defaults, (layer, i) => layer with
            {
                Attention = layer.Attention with { Rotary = turns[i] == 1 ? layer.Attention.Rotary : null, Window = sliding[i] ? window : null },
            });
            return new("SmolLM3", settings.ToPlan(config), LlamaFamily.Names, settings.ToHeads());
        },
    };
}
