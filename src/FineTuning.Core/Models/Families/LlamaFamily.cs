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
        Renames = [("model.language_model.", "model."), ("language_model.model.", "model."), ("language_model.lm_head.", "lm_head.")],
    };

    /// <summary>The keys of LLaMA's configuration and their defaults; every layer is the same.</summary>
    /// <param name="config">The configuration.</param>
    /// <param name="modelType">The family's name.</param>
    /// <param name="shape">Changes a layer's plan, by its number; null: nothing does.</param>
    public static DecoderSettings Settings(ConfigFile config, string modelType, Func<LayerPlan, int, LayerPlan>? shape = null)
    {
        int hidden = config.Count("hidden_size", 4096), heads = config.Count("num_attention_heads", 32), keys = config.Count("num_key_value_heads", heads);
        int layers = config.Count("num_hidden_layers", 32, most: 4096);
        if (!config.Has("head_dim") && hidden % heads != 0) throw config.Fault($"'hidden_size' {hidden} is not a multiple of 'num_attention_heads' {heads}");
        int width = config.Has("head_dim") ? config.Count("head_dim") : hidden / heads;
        if (heads % keys != 0) throw config.Fault($"'num_attention_heads' {heads} is not a multiple of 'num_key_value_heads' {keys}");
        bool bias = config.Flag("attention_bias", false);
        NormPlan norm = NormPlan.RootMeanSquare(config.Number("rms_norm_eps", 1e-6, 0, 1));
        var attention = new AttentionPlan(heads, keys, width)
        {
            Bias = bias, OutputBias = bias, IsCausal = true, Dropout = config.Dropout("attention_dropout", 0), Rotary = RotaryConfig.Read(config, width),
        };
        var feedForward = new FeedForwardPlan(config.Count("intermediate_size", 11008), config.Activation("hidden_act", Activation.Silu))
        {
            IsGated = true, Bias = config.Flag("mlp_bias", false),
        };
        var layer = new LayerPlan(attention, feedForward) { AroundAttention = new() { Before = norm }, AroundFeedForward = new() { Before = norm } };
        int? pad = DecoderSettings.Pad(config);
        var embedding = new EmbeddingPlan(config.Count("vocab_size", 32000), hidden) { PaddingRow = pad ?? -1 };
        return DecoderSettings.Of(config, modelType, hidden, embedding, [.. Enumerable.Range(0, layers).Select(i => shape?.Invoke(layer, i) ?? layer)], norm) with
        {
            TiesOutput = config.Flag("tie_word_embeddings", false),
            TokenDropout = config.Dropout("classifier_dropout", 0.1),
        };
    }
}
