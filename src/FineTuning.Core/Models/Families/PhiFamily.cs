namespace FineTuning.Models;

/// <summary>Phi-3 (Abdin et al. 2024): LLaMA with query, key and value in one matrix, and gate and up in one; long texts by LongRoPE.</summary>
internal static class PhiFamily
{
    private static readonly LlamaDefaults Defaults = new() { Vocabulary = 32064, Hidden = 3072, Inner = 8192, Epsilon = 1e-5, Pad = 32000 };

    private static readonly NameTable Names = LlamaFamily.Table(
    [
        NameRow.Fused("layers.{i}.attention", ["query", "key", "value"], "layers.{i}.self_attn.qkv_proj"),
        NameRow.Fused("layers.{i}.feed_forward", ["gate", "up"], "layers.{i}.mlp.gate_up_proj"),
        .. LlamaFamily.Trunk,
    ]);

    public static readonly ModelFamily Family = new()
    {
        ModelTypes = ["phi3"],
        Read = config =>
        {
            AttentionWindow? window = DecoderSettings.Window(config);
            double dropout = config.Dropout("resid_pdrop", 0);
            DecoderSettings settings = LlamaFamily.Settings(config, "phi3", Defaults, (layer, _) => layer with
            {
                Attention = layer.Attention with { Window = window },
                AroundAttention = layer.AroundAttention with { Dropout = dropout },
                AroundFeedForward = layer.AroundFeedForward with { Dropout = dropout },
            });
            return new("Phi3", settings.ToPlan(config), Names, settings.ToHeads());
        },
    };
}
