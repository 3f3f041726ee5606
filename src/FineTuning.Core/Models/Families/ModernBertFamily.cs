namespace FineTuning.Models;

/// <summary>ModernBERT (Warner et al. 2024): rotary positions, attention that is local in most layers, gated feed-forward networks, norms before the branches.</summary>
internal static class ModernBertFamily
{
    private const string Layer = "layers.{i}.";

    private static readonly (string, string)[] PredictionHead = [("head.dense", "head.dense"), ("head.norm", "head.norm"), ("head.output", "classifier")];

    private static readonly NameTable Names = new(
        "model.",
        [
            ("embeddings.token", "embeddings.tok_embeddings"),
            ("embeddings.norm", "embeddings.norm"),
            ("layers.{i}.attention.projection", Layer + "attn.Wqkv"),
            ("layers.{i}.attention.output", Layer + "attn.Wo"),
            ("layers.{i}.attention.norm", Layer + "attn_norm"),
            ("layers.{i}.feed_forward.inner", Layer + "mlp.Wi"),
            ("layers.{i}.feed_forward.outer", Layer + "mlp.Wo"),
            ("layers.{i}.feed_forward.norm", Layer + "mlp_norm"),
            ("norm", "final_norm"),
        ],
        new Dictionary<HeadKind, IReadOnlyList<(string, string)>>
        {
            [HeadKind.SequenceClassification] = PredictionHead,
            [HeadKind.TokenClassification] = PredictionHead,
            [HeadKind.QuestionAnswering] = PredictionHead,
            [HeadKind.MaskedLanguage] = [("head.dense", "head.dense"), ("head.norm", "head.norm"), ("head.output_bias", "decoder.bias!"), ("head.output", "decoder")],
        });

    public static readonly EncoderFamily Family = new() { ModelTypes = ["modernbert"], ClassStem = "ModernBert", ReadSpec = Spec, Names = _ => Names };

    private static ModelSpec Spec(ConfigFile config)
    {
        int hidden = config.Count("hidden_size", 768), heads = config.Count("num_attention_heads", 12), layers = config.Count("num_hidden_layers", 22, most: 4096);
        if (hidden % heads != 0) throw config.Fault($"'hidden_size' {hidden} is not a multiple of 'num_attention_heads' {heads}");
        if (hidden / heads % 2 != 0) throw config.Fault($"rotary positions need heads of an even width; {hidden / heads} was found");
        bool normBias = config.Flag("norm_bias", false);
        double attention = config.Dropout("attention_dropout", 0), head = config.Dropout("classifier_dropout", 0);
        var dense = new DensePlan(config.Activation("classifier_activation", Activation.Gelu)) { Bias = config.Flag("classifier_bias", false), HasNorm = true, NormBias = normBias };
        return new ModelSpec
        {
            ModelType = "modernbert",
            VocabularySize = config.Count("vocab_size", 50368),
            HiddenSize = hidden,
            EmbeddingSize = hidden,
            LayerCount = layers,
            HeadCount = heads,
            IntermediateSize = config.Count("intermediate_size", 1152),
            PositionCount = 0,
            TypeVocabularySize = 0,
            PadTokenId = config.Has("pad_token_id") ? config.Count("pad_token_id", least: 0) : null,
            Dropouts = new()
            {
                Embedding = config.Dropout("embedding_dropout", 0), Attention = attention, AttentionOutput = attention, Inner = config.Dropout("mlp_dropout", 0),
                Sequence = head, Token = head, Answer = head,
            },
            Activation = config.Activation("hidden_activation", Activation.Gelu),
            NormEpsilon = config.Number("norm_eps", 1e-5, 0, 1),
            InitializerRange = config.Number("initializer_range", 0.02, 0, 10),
            Labels = config.Labels(),
            ProblemType = config.Text("problem_type"),
            Positions = Positions(config, layers),
            Layer = new()
            {
                Norms = NormPlacement.BeforeBranch, NormBias = normBias, AttentionBias = config.Flag("attention_bias", false), FusedProjection = true,
                FeedForwardBias = config.Flag("mlp_bias", false), IsGated = true,
            },
            Heads = new()
            {
                Pooling = config.Text("classifier_pooling") switch
                {
                    null or "cls" => SequencePooling.First,
                    "mean" => SequencePooling.Mean,
                    { } other => throw config.Fault($"'classifier_pooling' is '{other}'; cls or mean was expected"),
                },
                Sequence = dense,
                Token = dense,
                Masked = dense,
                MaskedBias = config.Flag("decoder_bias", true),
            },
            TiesOutput = config.Flag("tie_word_embeddings", true),
        };
    }

    // The 5.x form has layer_types and rope_parameters, the 4.x form global_attn_every_n_layers, global_rope_theta and local_rope_theta.
    private static RotaryPlan Positions(ConfigFile config, int layers)
    {
        ConfigFile? rotary = config.Section("rope_parameters");
        var far = new RotaryLayer(Base("full_attention", "global_rope_theta", 160000), null);
        var near = new RotaryLayer(Base("sliding_attention", "local_rope_theta", 10000), config.Count("local_attention", 128) / 2);
        IReadOnlyList<string> types = config.Words("layer_types");
        int every = config.Count("global_attn_every_n_layers", 3);
        if (types.Count == 0) return new([.. Enumerable.Range(0, layers).Select(i => i % every == 0 ? far : near)]);
        if (types.Count != layers) throw config.Fault($"'layer_types' has {types.Count} entries, but there are {layers} layers");
        return new([.. types.Select(type => type switch
        {
            "full_attention" => far,
            "sliding_attention" => near,
            _ => throw config.Fault($"'layer_types' names '{type}'; full_attention or sliding_attention was expected"),
        })]);

        double Base(string section, string oldKey, double fallback)
        {
            ConfigFile? own = rotary?.Section(section);
            if (own?.Text("rope_type") is { } kind and not "default") throw config.Fault($"'rope_parameters' names the kind '{kind}' for '{section}'; default was expected");
            double old = config.Number(oldKey, fallback, 1, 1e12);
            return own?.Number("rope_theta", old, 1, 1e12) ?? old;
        }
    }
}
