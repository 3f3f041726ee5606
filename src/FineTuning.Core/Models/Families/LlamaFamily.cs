namespace FineTuning.Models;

/// <summary>LLaMA (Touvron et al. 2023; Dubey et al. 2024), and the configuration keys and names that its descendants share.</summary>
internal static class LlamaFamily
{
    private const string Layer = "layers.{i}.";

    /// <summary>The trunk's names, which descendants share.</summary>
    public static readonly IReadOnlyList<NameRow> Trunk =
    [
        ("embeddings.token", "embed_tokens"),
        ("layers.{i}.attention.norm", Layer + "input_layernorm"),
        ("layers.{i}.attention.query", Layer + "self_attn.q_proj"),
        ("layers.{i}.attention.key", Layer + "self_attn.k_proj"),
        ("layers.{i}.attention.value", Layer + "self_attn.v_proj"),
        ("layers.{i}.attention.output", Layer + "self_attn.o_proj"),
        ("layers.{i}.feed_forward.norm", Layer + "post_attention_layernorm"),
        ("layers.{i}.feed_forward.gate", Layer + "mlp.gate_proj"),
        ("layers.{i}.feed_forward.up", Layer + "mlp.up_proj"),
        ("layers.{i}.feed_forward.outer", Layer + "mlp.down_proj"),
        ("norm", "norm"),
    ];

    /// <summary>The names of norms on queries and keys, which some descendants have.</summary>
    public static readonly IReadOnlyList<NameRow> QueryKeyNorms =
        [("layers.{i}.attention.query_norm", Layer + "self_attn.q_norm"), ("layers.{i}.attention.key_norm", Layer + "self_attn.k_norm")];

    /// <summary>The names, also of the text model inside a multimodal checkpoint.</summary>
    public static readonly NameTable Names = Table(Trunk);

    public static readonly ModelFamily Family = new()
    {
        ModelTypes = ["llama"],
        Read = config =>
        {
            DecoderSettings settings = Settings(config, "llama");
            return new("Llama", settings.ToPlan(config), Names, settings.ToHeads());
        },
    };

    /// <summary>A table of these names under the prefixes that checkpoints of this kind have.</summary>
    public static NameTable Table(IReadOnlyList<NameRow> trunk) => new("model.", trunk)
    {
        Renames = TextModelConfig.Renames,
    };

    /// <summary>The keys of LLaMA's configuration; every layer is the same where no shape says otherwise.</summary>
    /// <param name="config">The configuration.</param>
    /// <param name="modelType">The family's name.</param>
    /// <param name="defaults">Stands in for keys that are missing; null: LLaMA's.</param>
    /// <param name="shape">Changes a layer's plan, by its number; null: nothing does.</param>
    public static DecoderSettings Settings(ConfigFile config, string modelType, LlamaDefaults? defaults = null, Func<LayerPlan, int, LayerPlan>? shape = null)
    {
        LlamaDefaults own = defaults ?? new();
        int hidden = config.Count("hidden_size", own.Hidden), heads = config.Count("num_attention_heads", own.Heads), layers = LayerCount(config, own);
        int keys = config.Count("num_key_value_heads", config.IsNull("num_key_value_heads") ? heads : own.KeyHeads ?? heads);
        int? named = config.Has("head_dim") ? config.Count("head_dim") : config.IsNull("head_dim") ? null : own.HeadWidth;
        if (named is null && hidden % heads != 0) throw config.Fault($"'hidden_size' {hidden} is not a multiple of 'num_attention_heads' {heads}");
        int width = named ?? hidden / heads;
        if (heads % keys != 0) throw config.Fault($"'num_attention_heads' {heads} is not a multiple of 'num_key_value_heads' {keys}");
        bool bias = config.Flag("attention_bias", false);
        NormPlan norm = NormPlan.RootMeanSquare(config.Number("rms_norm_eps", own.Epsilon, 0, 1), own.NormShift);
        var attention = new AttentionPlan(heads, keys, width)
        {
            Bias = bias, OutputBias = bias, IsCausal = true, Dropout = config.Dropout("attention_dropout", 0),
            Rotary = RotaryConfig.Read(config, width, fallbackBase: own.RotaryBase),
        };
        var feedForward = new FeedForwardPlan(config.Count("intermediate_size", own.Inner), config.Activation(own.ActivationKey, own.Activation))
        {
            IsGated = true, Bias = config.Flag("mlp_bias", false),
        };
        var layer = new LayerPlan(attention, feedForward) { AroundAttention = new() { Before = norm }, AroundFeedForward = new() { Before = norm } };
        int? pad = DecoderSettings.Pad(config, own.Pad);
        var embedding = new EmbeddingPlan(config.Count("vocab_size", own.Vocabulary), hidden) { PaddingRow = pad ?? -1 };
        LayerPlan[] all = [.. Enumerable.Range(0, layers).Select(i => shape?.Invoke(layer, i) ?? layer)];
        return DecoderSettings.Of(config, modelType, hidden, embedding, all, norm) with
        {
            PadTokenId = pad,
            TiesOutput = config.Flag("tie_word_embeddings", own.Ties),
            TokenDropout = config.Dropout(config.Has("classifier_dropout") ? "classifier_dropout" : "hidden_dropout", 0.1),
        };
    }

    /// <summary>How many layers there are.</summary>
    public static int LayerCount(ConfigFile config, LlamaDefaults defaults) => config.Count("num_hidden_layers", defaults.Layers, most: 4096);
}
