namespace FineTuning.Models;

/// <summary>
/// Gemma 2 (Riviere et al. 2024), with soft caps and every second layer local, and the text model of Gemma 3 (Kamath et al. 2025), with norms on queries and
/// keys, five layers of six local and two rotary bases. Both scale embeddings and store gains as differences from 1.
/// </summary>
internal static class GemmaFamily
{
    private static readonly LlamaDefaults Gemma2Defaults = new()
    {
        Vocabulary = 256000, Hidden = 2304, Inner = 9216, Layers = 26, Heads = 8, KeyHeads = 4, HeadWidth = 256, Pad = 0, Ties = true,
        ActivationKey = "hidden_activation", Activation = Activation.GeluTanh, NormShift = 1,
    };

    private static readonly LlamaDefaults Gemma3Defaults = Gemma2Defaults with { Vocabulary = 262208, RotaryBase = 1e6 };

    private static readonly NameTable Names = LlamaFamily.Table(
    [
        ("layers.{i}.attention.end_norm", "layers.{i}.post_attention_layernorm"),
        ("layers.{i}.feed_forward.norm", "layers.{i}.pre_feedforward_layernorm"),
        ("layers.{i}.feed_forward.end_norm", "layers.{i}.post_feedforward_layernorm"),
        .. LlamaFamily.QueryKeyNorms,
        .. LlamaFamily.Trunk,
    ]);

    public static readonly ModelFamily Gemma2 = new()
    {
        ModelTypes = ["gemma2"],
        Read = config =>
        {
            IReadOnlyList<bool> sliding = DecoderSettings.Sliding(config, LlamaFamily.LayerCount(config, Gemma2Defaults), i => i % 2 == 0);
            double? cap = Cap(config, "attn_logit_softcapping", 50);
            DecoderSettings settings = Settings(config, "gemma2", Gemma2Defaults, sliding, (attention, _) => attention with { SoftCap = cap }) with
            {
                OutputSoftCap = Cap(config, "final_logit_softcapping", 30),
            };
            return new("Gemma2", settings.ToPlan(config), Names, settings.ToHeads());
        },
    };

    public static readonly ModelFamily Gemma3 = new()
    {
        ModelTypes = ["gemma3_text"],
        Read = config =>
        {
            int pattern = config.Count(config.Has("_sliding_window_pattern") ? "_sliding_window_pattern" : "sliding_window_pattern", 6);
            IReadOnlyList<bool> sliding = DecoderSettings.Sliding(config, LlamaFamily.LayerCount(config, Gemma3Defaults), i => (i + 1) % pattern != 0);
            double? cap = Cap(config, "attn_logit_softcapping", null);
            DecoderSettings settings = Settings(config, "gemma3_text", Gemma3Defaults, sliding, (attention, isLocal) => attention with
            {
                SoftCap = cap, Rotary = Rotary(config, attention.Width, isLocal),
                QueryKeyNorm = NormPlan.RootMeanSquare(config.Number("rms_norm_eps", Gemma3Defaults.Epsilon, 0, 1), 1),
            }) with { OutputSoftCap = Cap(config, "final_logit_softcapping", null) };
            Dictionary<HeadKind, HeadPlan> heads = settings.ToHeads(tokenModule: null);
            heads[HeadKind.None] = heads[HeadKind.None] with { ClassSuffix = "TextModel" };
            heads[HeadKind.SequenceClassification] = heads[HeadKind.SequenceClassification] with { ClassSuffix = "TextForSequenceClassification" };
            return new("Gemma3", settings.ToPlan(config), Names, heads);
        },
    };

    private static DecoderSettings Settings(
        ConfigFile config, string modelType, LlamaDefaults defaults, IReadOnlyList<bool> sliding, Func<AttentionPlan, bool, AttentionPlan> shape)
    {
        if (config.Has("use_bidirectional_attention") && config.Flag("use_bidirectional_attention", false))
        {
            throw config.Fault("'use_bidirectional_attention' is true, which is not supported");
        }
        AttentionWindow? window = DecoderSettings.Window(config, 4096);
        if (window is null && sliding.Contains(true)) throw config.Fault("'sliding_window' is null, but layers of the kind sliding_attention need one");
        double scale = 1 / Math.Sqrt(config.Number("query_pre_attn_scalar", 256, 1e-6, 1e9));
        DecoderSettings settings = LlamaFamily.Settings(config, modelType, defaults, (layer, i) => layer with
        {
            Attention = shape(layer.Attention, sliding[i]) with { Scale = scale, Window = sliding[i] ? window : null },
            AroundAttention = layer.AroundAttention with { End = layer.AroundAttention.Before },
            AroundFeedForward = layer.AroundFeedForward with { End = layer.AroundFeedForward.Before },
        });
        return settings with { Embedding = settings.Embedding with { Scale = Math.Sqrt(settings.HiddenSize) } };
    }

    // The 5.x line has a section for each kind of layer; before, local layers had a key of their own and no scaling.
    private static RotaryPlan Rotary(ConfigFile config, int width, bool isLocal)
    {
        bool bySection = config.Section("rope_parameters") is { } parameters && (parameters.Has("full_attention") || parameters.Has("sliding_attention"));
        if (bySection) return RotaryConfig.Read(config, width, isLocal ? "sliding_attention" : "full_attention", isLocal ? 10000 : Gemma3Defaults.RotaryBase);
        return isLocal
            ? new(config.Number("rope_local_base_freq", 10000, 1, 1e12), width)
            : RotaryConfig.Read(config, width, fallbackBase: Gemma3Defaults.RotaryBase);
    }

    // null says that there is no cap, a missing key that it is the family's.
    private static double? Cap(ConfigFile config, string key, double? fallback) =>
        config.IsNull(key) ? null : config.Has(key) ? config.Number(key, 0, 1e-6, 1e9) : fallback;
}
