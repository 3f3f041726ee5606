namespace FineTuning.Models;

/// <summary>GPT-2 (Radford et al. 2019): norms before the branches, learned positions, matrices stored transposed.</summary>
internal static class Gpt2Family
{
    private const string Layer = "h.{i}.";

    private static readonly NameTable Names = new(
        "transformer.",
        [
            ("embeddings.token", "wte"),
            ("embeddings.position", "wpe"),
            ("layers.{i}.attention.norm", Layer + "ln_1"),
            NameRow.Fused("layers.{i}.attention", ["query", "key", "value"], Layer + "attn.c_attn", TensorLayout.Transposed),
            ("layers.{i}.attention.output", Layer + "attn.c_proj", TensorLayout.Transposed),
            ("layers.{i}.feed_forward.norm", Layer + "ln_2"),
            ("layers.{i}.feed_forward.inner", Layer + "mlp.c_fc", TensorLayout.Transposed),
            ("layers.{i}.feed_forward.outer", Layer + "mlp.c_proj", TensorLayout.Transposed),
            ("norm", "ln_f"),
        ]);

    public static readonly ModelFamily Family = new()
    {
        ModelTypes = ["gpt2"],
        Read = config =>
        {
            DecoderSettings settings = Settings(config);
            return new("GPT2", settings.ToPlan(config), Names, settings.ToHeads("LMHeadModel", "classifier"));
        },
    };

    private static DecoderSettings Settings(ConfigFile config)
    {
        int hidden = config.Count("n_embd", 768), heads = config.Count("n_head", 12), layers = config.Count("n_layer", 12, most: 4096);
        if (hidden % heads != 0) throw config.Fault($"'n_embd' {hidden} is not a multiple of 'n_head' {heads}");
        if (config.Flag("add_cross_attention", false)) throw config.Fault("'add_cross_attention' is true, which is not supported");
        var norm = new NormPlan(config.Number("layer_norm_epsilon", 1e-5, 0, 1));
        double dropout = config.Dropout("resid_pdrop", 0.1), attentionDropout = config.Dropout("attn_pdrop", 0.1);
        bool byLayer = config.Flag("scale_attn_by_inverse_layer_idx", false), scales = config.Flag("scale_attn_weights", true);
        var feedForward = new FeedForwardPlan(config.Has("n_inner") ? config.Count("n_inner") : 4 * hidden,
            config.Activation("activation_function", Activation.GeluTanh));
        LayerPlan[] plans =
        [
            .. Enumerable.Range(0, layers).Select(i => new LayerPlan(
                new(heads, heads, hidden / heads)
                {
                    Bias = true, OutputBias = true, IsCausal = true, Dropout = attentionDropout,
                    Scale = (scales ? 1 / Math.Sqrt(hidden / heads) : 1) / (byLayer ? i + 1 : 1),
                },
                feedForward)
            {
                AroundAttention = new() { Before = norm, Dropout = dropout },
                AroundFeedForward = new() { Before = norm, Dropout = dropout },
            }),
        ];
        var embedding = new EmbeddingPlan(config.Count("vocab_size", 50257), hidden)
        {
            Positions = new(config.Count("n_positions", 1024)), Dropout = config.Dropout("embd_pdrop", 0.1),
        };
        // What is added to the stream is drawn smaller, so that its sum over the layers is not (Radford et al. 2019, section 2.3).
        double added = config.Number("initializer_range", 0.02, 0, 10) / Math.Sqrt(2.0 * layers);
        return DecoderSettings.Of(config, "gpt2", hidden, embedding, plans, norm) with
        {
            Deviations = [("attention.output.weight", added), ("feed_forward.outer.weight", added)],
            TiesOutput = config.Flag("tie_word_embeddings", true),
            TokenDropout = config.Dropout(config.Has("classifier_dropout") ? "classifier_dropout" : "hidden_dropout", 0.1),
        };
    }
}
