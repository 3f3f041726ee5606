namespace FineTuning.Models;

/// <summary>
/// GPT-NeoX (Black et al. 2022) and Pythia: both branches leave the stream at one point, rotary positions on a part of each head, query, key and value in one
/// matrix head by head.
/// </summary>
internal static class GptNeoXFamily
{
    private const string Layer = "layers.{i}.";

    public static readonly ModelFamily Family = new()
    {
        ModelTypes = ["gpt_neox"],
        Read = config =>
        {
            int heads = config.Count("num_attention_heads", 64);
            DecoderSettings settings = Settings(config, heads);
            return new("GPTNeoX", settings.ToPlan(config), Names(heads), settings.ToHeads(tokenModule: "classifier", outputModule: "embed_out"));
        },
    };

    private static NameTable Names(int heads) => new(
        "gpt_neox.",
        [
            ("embeddings.token", "embed_in"),
            ("layers.{i}.attention.norm", Layer + "input_layernorm"),
            NameRow.Fused("layers.{i}.attention", ["query", "key", "value"], Layer + "attention.query_key_value", TensorLayout.Interleaved(heads)),
            ("layers.{i}.attention.output", Layer + "attention.dense"),
            ("layers.{i}.feed_forward.norm", Layer + "post_attention_layernorm"),
            ("layers.{i}.feed_forward.inner", Layer + "mlp.dense_h_to_4h"),
            ("layers.{i}.feed_forward.outer", Layer + "mlp.dense_4h_to_h"),
            ("norm", "final_layer_norm"),
        ])
    {
        // The 5.x line calls the module so, and its tensor still embed_out.
        Renames = [("lm_head.", "embed_out.")],
    };

    private static DecoderSettings Settings(ConfigFile config, int heads)
    {
        int hidden = config.Count("hidden_size", 6144), layers = config.Count("num_hidden_layers", 44, most: 4096);
        if (hidden % heads != 0) throw config.Fault($"'hidden_size' {hidden} is not a multiple of 'num_attention_heads' {heads}");
        int width = hidden / heads;
        bool bias = config.Flag("attention_bias", true);
        double dropout = config.Dropout("hidden_dropout", 0);
        var norm = new NormPlan(config.Number("layer_norm_eps", 1e-5, 0, 1));
        var around = new BranchPlan { Before = norm, Dropout = dropout };
        double wavelengths = config.Number("rotary_emb_base", 10000, 1, 1e12), share = config.Number("rotary_pct", 0.25, 0, 1);
        var attention = new AttentionPlan(heads, heads, width)
        {
            Bias = bias, OutputBias = bias, IsCausal = true, Dropout = config.Dropout("attention_dropout", 0),
            Rotary = RotaryConfig.Read(config, width, fallbackBase: wavelengths, fallbackShare: share),
        };
        var layer = new LayerPlan(attention, new(config.Count("intermediate_size", 24576), config.Activation("hidden_act", Activation.Gelu)))
        {
            AroundAttention = around, AroundFeedForward = around, IsParallel = config.Flag("use_parallel_residual", true),
        };
        var embedding = new EmbeddingPlan(config.Count("vocab_size", 50432), hidden) { Dropout = dropout };
        return DecoderSettings.Of(config, "gpt_neox", hidden, embedding, [.. Enumerable.Repeat(layer, layers)], norm) with
        {
            TiesOutput = config.Flag("tie_word_embeddings", false), TokenDropout = config.Dropout("classifier_dropout", 0.1),
        };
    }
}
