namespace FineTuning.Models;

/// <summary>OPT (Zhang et al. 2022): learned positions of real tokens, the first in row 2 of the table.</summary>
internal static class OptFamily
{
    private const string Layer = "decoder.layers.{i}.";

    private static readonly NameTable Names = new(
        "model.",
        [
            ("embeddings.token", "decoder.embed_tokens"),
            ("embeddings.position", "decoder.embed_positions"),
            ("layers.{i}.attention.norm", Layer + "self_attn_layer_norm"),
            ("layers.{i}.attention.query", Layer + "self_attn.q_proj"),
            ("layers.{i}.attention.key", Layer + "self_attn.k_proj"),
            ("layers.{i}.attention.value", Layer + "self_attn.v_proj"),
            ("layers.{i}.attention.output", Layer + "self_attn.out_proj"),
            ("layers.{i}.feed_forward.norm", Layer + "final_layer_norm"),
            ("layers.{i}.feed_forward.inner", Layer + "fc1"),
            ("layers.{i}.feed_forward.outer", Layer + "fc2"),
            ("norm", "decoder.final_layer_norm"),
        ]);

    public static readonly ModelFamily Family = new()
    {
        ModelTypes = ["opt"],
        Read = config =>
        {
            DecoderSettings settings = Settings(config);
            return new("OPT", settings.ToPlan(config), Names, settings.ToHeads(tokenModule: null));
        },
    };

    private static DecoderSettings Settings(ConfigFile config)
    {
        int hidden = config.Count("hidden_size", 768), heads = config.Count("num_attention_heads", 12);
        int layers = config.Count("num_hidden_layers", 12, most: 4096);
        int narrow = config.Count("word_embed_proj_dim", hidden);
        if (hidden % heads != 0) throw config.Fault($"'hidden_size' {hidden} is not a multiple of 'num_attention_heads' {heads}");
        if (narrow != hidden) throw config.Fault($"'word_embed_proj_dim' is {narrow}, which is not supported beside a hidden size of {hidden}");
        if (config.Number("layerdrop", 0, 0, 1) > 0) throw config.Fault("'layerdrop' is above 0: dropping whole layers is not supported");
        if (!config.Flag("layer_norm_elementwise_affine", true))
        {
            throw config.Fault("'layer_norm_elementwise_affine' is false, which is not supported");
        }
        bool bias = config.Flag("enable_bias", true), before = config.Flag("do_layer_norm_before", true);
        var norm = new NormPlan(1e-5);
        BranchPlan around = new BranchPlan { Dropout = config.Dropout("dropout", 0.1) } with { Before = before ? norm : null, After = before ? null : norm };
        var attention = new AttentionPlan(heads, heads, hidden / heads)
        {
            Bias = bias, OutputBias = bias, IsCausal = true, Dropout = config.Dropout("attention_dropout", 0),
        };
        var feedForward = new FeedForwardPlan(config.Count("ffn_dim", 3072), config.Activation("activation_function", Activation.Relu)) { Bias = bias };
        var layer = new LayerPlan(attention, feedForward) { AroundAttention = around, AroundFeedForward = around };
        int? pad = DecoderSettings.Pad(config, 1);
        var embedding = new EmbeddingPlan(config.Count("vocab_size", 50272), hidden)
        {
            PaddingRow = pad ?? -1, Positions = new(config.Count("max_position_embeddings", 2048) + 2) { Offset = 2 },
        };
        NormPlan? last = before && !config.Flag("_remove_final_layer_norm", false) ? norm : null;
        return DecoderSettings.Of(config, "opt", hidden, embedding, [.. Enumerable.Repeat(layer, layers)], last) with
        {
            PadTokenId = pad, TiesOutput = config.Flag("tie_word_embeddings", true), InitializerRange = config.Number("init_std", 0.02, 0, 10),
        };
    }
}
