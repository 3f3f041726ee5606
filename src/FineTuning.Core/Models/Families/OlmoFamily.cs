namespace FineTuning.Models;

/// <summary>OLMo 2 (Walsh et al. 2024): LLaMA with norms on what the branches give, and on the whole of queries and of keys.</summary>
internal static class OlmoFamily
{
    private static readonly LlamaDefaults Defaults = new() { Vocabulary = 50304, Epsilon = 1e-5, Pad = 1 };

    private static readonly NameTable Names = LlamaFamily.Table(
    [
        ("layers.{i}.attention.end_norm", "layers.{i}.post_attention_layernorm"),
        ("layers.{i}.feed_forward.end_norm", "layers.{i}.post_feedforward_layernorm"),
        .. LlamaFamily.QueryKeyNorms,
        .. LlamaFamily.Trunk,
    ]);

    public static readonly ModelFamily Family = new()
    {
        ModelTypes = ["olmo2"],
        Read = config =>
        {
            NormPlan norm = NormPlan.RootMeanSquare(config.Number("rms_norm_eps", Defaults.Epsilon, 0, 1));
            DecoderSettings settings = LlamaFamily.Settings(config, "olmo2", Defaults, (layer, _) => layer with
            {
                Attention = layer.Attention with { QueryKeyNorm = norm, NormSpansHeads = true },
                AroundAttention = new() { End = norm },
                AroundFeedForward = new() { End = norm },
            });
            // The reference has no class with another head.
            return new("Olmo2", settings.ToPlan(config), Names, settings.ToHeads(tokenModule: null, classifies: false));
        },
    };
}
