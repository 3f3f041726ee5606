namespace FineTuning.Models;

/// <summary>
/// DeBERTa in its second and third version (He et al. 2021, 2023): disentangled attention with logarithmic buckets, and a convolution in some sizes.
/// </summary>
internal static class DebertaFamily
{
    private const string Layer = "encoder.layer.{i}.";

    private static readonly IReadOnlyList<NameRow> Sequence = [("head.dense", "pooler.dense"), ("head.output", "classifier")];

    private static readonly EncoderHeadNames HeadNames = new(
        Sequence, EncoderHeadNames.MaskedHead("cls.predictions.transform.dense", "cls.predictions.transform.LayerNorm",
            "cls.predictions.bias", "cls.predictions.decoder"));

    // config.json's legacy = false: the masked-language head under the names of the original code.
    private static readonly EncoderHeadNames HeadNamesOfOriginal = new(
        Sequence, EncoderHeadNames.MaskedHead("lm_predictions.lm_head.dense", "lm_predictions.lm_head.LayerNorm", "lm_predictions.lm_head.bias",
            "lm_predictions.lm_head.decoder"));

    private static readonly NameTable Names = new(
        "deberta.",
        [
            ("embeddings.token", "embeddings.word_embeddings"),
            ("embeddings.position", "embeddings.position_embeddings"),
            ("embeddings.type", "embeddings.token_type_embeddings"),
            ("embeddings.norm", "embeddings.LayerNorm"),
            ("embeddings.widening", "embeddings.embed_proj"),
            ("relative", "encoder.rel_embeddings"),
            ("relative.norm", "encoder.LayerNorm"),
            ("convolution", "encoder.conv.conv"),
            ("convolution.norm", "encoder.conv.LayerNorm"),
            ("layers.{i}.attention.query", Layer + "attention.self.query_proj"),
            ("layers.{i}.attention.key", Layer + "attention.self.key_proj"),
            ("layers.{i}.attention.value", Layer + "attention.self.value_proj"),
            ("layers.{i}.attention.position_key", Layer + "attention.self.pos_key_proj"),
            ("layers.{i}.attention.position_query", Layer + "attention.self.pos_query_proj"),
            ("layers.{i}.attention.output", Layer + "attention.output.dense"),
            ("layers.{i}.attention.norm", Layer + "attention.output.LayerNorm"),
            ("layers.{i}.feed_forward.inner", Layer + "intermediate.dense"),
            ("layers.{i}.feed_forward.outer", Layer + "output.dense"),
            ("layers.{i}.feed_forward.norm", Layer + "output.LayerNorm"),
        ]);

    public static readonly ModelFamily Family = new()
    {
        ModelTypes = ["deberta-v2"],
        Read = config => BertFamily.Model(Settings(config), "DebertaV2", Names, config.Flag("legacy", true) ? HeadNames : HeadNamesOfOriginal),
    };

    private static EncoderSettings Settings(ConfigFile config)
    {
        EncoderSettings spec = BertFamily.Settings(config, "deberta-v2", new(128100, 1536, 24, 24, 6144, 0));
        int hidden = spec.HiddenSize, heads = spec.HeadCount, embedding = config.Count("embedding_size", hidden);
        if (config.Count("attention_head_size", hidden / heads) != hidden / heads)
            throw config.Fault($"'attention_head_size' is not 'hidden_size' / 'num_attention_heads', {hidden / heads}");
        if (config.Count("pooler_hidden_size", hidden) != hidden) throw config.Fault($"'pooler_hidden_size' is not 'hidden_size', {hidden}");
        double dropout = config.Dropout("hidden_dropout_prob", 0.1);
        return spec with
        {
            EmbeddingSize = embedding,
            PositionCount = config.Flag("position_biased_input", true) ? spec.PositionCount : 0,
            NormEpsilon = Epsilon(config),
            PooledDropout = config.Dropout("pooler_dropout", 0),
            SequenceDropout = config.Dropout("cls_dropout", dropout),
            TokenDropout = dropout,
            Widening = embedding == hidden ? null : new WideningPlan(BeforeNorm: true, Bias: false),
            Disentangled = Positions(config, dropout),
            Convolution = Convolution(config, hidden, dropout),
            ClearsPadding = true,
            SequenceDense = new(config.Activation("pooler_hidden_act", Activation.Gelu)),
        };
    }

    private static DisentangledPlan Positions(ConfigFile config, double dropout)
    {
        IReadOnlyList<string> terms = config.Words("pos_att_type");
        if (terms.FirstOrDefault(term => term is not ("c2p" or "p2c" or "none")) is { } other)
            throw config.Fault($"'pos_att_type' names '{other}'; c2p and p2c were expected");
        bool relative = config.Flag("relative_attention", false);
        int buckets = Natural(config, "position_buckets"), farthest = Natural(config, "max_relative_positions");
        if (farthest == 0) farthest = config.Count("max_position_embeddings", 512);
        if (relative && buckets > 0 && (buckets < 2 || farthest - 1 <= buckets / 2))
            throw config.Fault($"'position_buckets' {buckets} does not fit {farthest} positions");
        int span = !relative ? 0 : buckets > 0 ? buckets : farthest;
        bool normalized = config.Words("norm_rel_ebd").Contains("layer_norm");
        return new(span, buckets, farthest, terms.Contains("c2p"), terms.Contains("p2c"), config.Flag("share_att_key", false),
            normalized ? new(Epsilon(config)) : null, dropout);
    }

    private static ConvolutionPlan? Convolution(ConfigFile config, int hidden, double dropout)
    {
        int width = Natural(config, "conv_kernel_size");
        if (width == 0) return null;
        int groups = config.Count("conv_groups", 1);
        if (width % 2 == 0) throw config.Fault($"'conv_kernel_size' is {width}; an odd number was expected");
        if (hidden % groups != 0) throw config.Fault($"'hidden_size' {hidden} is not a multiple of 'conv_groups' {groups}");
        return new(width, groups, config.Activation("conv_act", Activation.Tanh), new(Epsilon(config)), dropout);
    }

    private static double Epsilon(ConfigFile config) => config.Number("layer_norm_eps", 1e-7, 0, 1);

    // -1 and 0 both say that there is none.
    private static int Natural(ConfigFile config, string key) => Math.Max(0, config.Count(key, 0, least: -1));
}
