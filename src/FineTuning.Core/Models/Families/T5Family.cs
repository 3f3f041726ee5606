namespace FineTuning.Models;

/// <summary>
/// T5 (Raffel et al. 2020), T5 v1.1 (Shazeer 2020) and mT5 (Xue et al. 2021):
/// encoder and decoder, a bias by distance in place of positions, scores without scale.
/// </summary>
internal static class T5Family
{
    private static readonly IReadOnlyList<NameRow> Trunk =
    [
        ("embeddings.token", "shared"),
        ("encoder.norm", "encoder.final_layer_norm"),
        ("decoder.norm", "decoder.final_layer_norm"),
        ("encoder.relative", "encoder.block.0.layer.0.SelfAttention.relative_attention_bias"),
        ("decoder.relative", "decoder.block.0.layer.0.SelfAttention.relative_attention_bias"),
        .. Attention("encoder", "attention", "layer.0", "SelfAttention"),
        .. FeedForward("encoder", "layer.1"),
        .. Attention("decoder", "attention", "layer.0", "SelfAttention"),
        .. Attention("decoder", "cross", "layer.1", "EncDecAttention"),
        .. FeedForward("decoder", "layer.2"),
    ];

    private static readonly NameTable Names = new("", Trunk);

    public static readonly ModelFamily Family = new()
    {
        ModelTypes = ["t5", "mt5"],
        Read = config => new(config.Text("model_type") == "mt5" ? "MT5" : "T5", Plan(config), Names, Heads(config)),
    };

    private static TrunkPlan Plan(ConfigFile config)
    {
        int hidden = config.Count("d_model", 512), layers = config.Count("num_layers", 6, most: 4096);
        int decoders = config.Has("num_decoder_layers") ? config.Count("num_decoder_layers", most: 4096) : layers;
        int buckets = config.Count("relative_attention_num_buckets", 32, least: 4), farthest = config.Count("relative_attention_max_distance", 128);
        if (buckets % 4 != 0 || farthest <= buckets / 2) throw config.Fault($"'relative_attention_num_buckets' {buckets} does not fit the distance {farthest}");
        double dropout = config.Dropout("dropout_rate", 0.1);
        NormPlan norm = NormPlan.RootMeanSquare(config.Number("layer_norm_epsilon", 1e-6, 0, 1));
        var around = new BranchPlan { Before = norm, Dropout = dropout };
        int heads = config.Count("num_heads", 8);
        var attention = new AttentionPlan(heads, heads, config.Count("d_kv", 64)) { Scale = 1, Dropout = dropout };
        var layer = new LayerPlan(attention, FeedForwardOf(config, dropout)) { AroundAttention = around, AroundCross = around, AroundFeedForward = around };
        LayerPlan reader = layer with { Attention = attention with { IsCausal = true }, Cross = attention };
        return new TrunkPlan
        {
            ModelType = config.Text("model_type") ?? "t5",
            HiddenSize = hidden,
            PadTokenId = config.Count("pad_token_id", 0, least: 0),
            DecoderStartTokenId = config.Count("decoder_start_token_id", config.Count("pad_token_id", 0, least: 0), least: 0),
            Deviations = Deviations(config, config.Number("initializer_factor", 1, 0, 10), hidden, (double)heads * attention.Width),
            Labels = config.Labels(),
            ProblemType = config.Text("problem_type"),
            Embedding = new(config.Count("vocab_size", 32128), hidden) { Dropout = dropout, Rule = PositionRule.Index },
            Encoder = new([.. Enumerable.Repeat(layer, layers)])
                { Prefix = "encoder.", Norm = norm, Dropout = dropout, RelativeBias = new(buckets, buckets, farthest) },
            Decoder = new([.. Enumerable.Repeat(reader, decoders)])
                { Prefix = "decoder.", Norm = norm, Dropout = dropout, RelativeBias = new(buckets, buckets, farthest, BothSides: false) },
        };
    }

    // Scores have no scale: it is in how queries are drawn (Raffel et al. 2020; the reference's initialisation).
    private static IReadOnlyList<(string Ending, double Deviation)> Deviations(ConfigFile config, double factor, double hidden, double inner) =>
    [
        ("embeddings.token.weight", factor), ("head.output.weight", factor), (".query.weight", factor / Math.Sqrt(hidden * config.Count("d_kv", 64))),
        ("attention.output.weight", factor / Math.Sqrt(inner)), ("cross.output.weight", factor / Math.Sqrt(inner)),
        (".outer.weight", factor / Math.Sqrt(config.Count("d_ff", 2048))), ("", factor / Math.Sqrt(hidden)),
    ];

    private static FeedForwardPlan FeedForwardOf(ConfigFile config, double dropout)
    {
        string kind = config.Text("feed_forward_proj") ?? "relu";
        bool gated = kind.StartsWith("gated-", StringComparison.Ordinal);
        Activation function = kind switch
        {
            "relu" or "gated-relu" => Activation.Relu,
            // The reference reads gelu as its approximation here.
            "gated-gelu" or "gated-gelu_new" or "gelu_new" => Activation.GeluTanh,
            "gelu" => Activation.Gelu,
            "gated-silu" or "silu" => Activation.Silu,
            _ => throw config.Fault($"'feed_forward_proj' is '{kind}'; relu, gelu, silu or gated- before one of them was expected"),
        };
        return new(config.Count("d_ff", 2048), function) { IsGated = gated, Bias = false, Dropout = dropout };
    }

    private static Dictionary<HeadKind, HeadPlan> Heads(ConfigFile config)
    {
        bool ties = config.Flag("tie_word_embeddings", true);
        // The 5.x line says by a key of its own whether states are scaled; before, tying said it. mT5 never scales.
        bool scales = config.Text("model_type") != "mt5" && config.Flag("scale_decoder_outputs", ties);
        string? scaleKey = config.Text("model_type") == "mt5" ? null : "scale_decoder_outputs";
        double scale = scales ? 1 / Math.Sqrt(config.Count("d_model", 512)) : 1;
        return new()
        {
            [HeadKind.None] = new(),
            [HeadKind.SequenceToSequence] = new()
            {
                Output = new() { Bias = false, TiedToEmbeddings = ties, IsOverVocabulary = true, Scale = scale, ScaleKey = scaleKey },
                Names = [("head.output", "lm_head")],
            },
        };
    }

    private static IReadOnlyList<NameRow> Attention(string stack, string block, string layer, string module)
    {
        (string ours, string theirs) = ($"{stack}.layers.{{i}}.{block}.", $"{stack}.block.{{i}}.{layer}.");
        return
        [
            (ours + "norm", theirs + "layer_norm"), (ours + "query", theirs + module + ".q"), (ours + "key", theirs + module + ".k"),
            (ours + "value", theirs + module + ".v"), (ours + "output", theirs + module + ".o"),
        ];
    }

    private static IReadOnlyList<NameRow> FeedForward(string stack, string layer)
    {
        (string ours, string theirs) = ($"{stack}.layers.{{i}}.feed_forward.", $"{stack}.block.{{i}}.{layer}.");
        return
        [
            (ours + "norm", theirs + "layer_norm"), (ours + "inner", theirs + "DenseReluDense.wi"), (ours + "gate", theirs + "DenseReluDense.wi_0"),
            (ours + "up", theirs + "DenseReluDense.wi_1"), (ours + "outer", theirs + "DenseReluDense.wo"),
        ];
    }
}
