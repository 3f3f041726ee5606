namespace FineTuning.Models;

/// <summary>Mistral 7B (Jiang et al. 2023): LLaMA with shared key heads, in which a token sees a window of neighbours.</summary>
internal static class MistralFamily
{
    private static readonly LlamaDefaults Defaults = new() { Inner = 14336, KeyHeads = 8 };

    public static readonly ModelFamily Family = new()
    {
        ModelTypes = ["mistral"],
        Read = config =>
        {
            AttentionWindow? window = DecoderSettings.Window(config, 4096);
            DecoderSettings settings = LlamaFamily.Settings(
                config, "mistral", Defaults, (layer, _) => layer with { Attention = layer.Attention with { Window = window } });
            return new("Mistral", settings.ToPlan(config), LlamaFamily.Names, settings.ToHeads());
        },
    };
}
