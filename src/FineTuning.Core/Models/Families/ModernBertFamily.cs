namespace FineTuning.Models;

/// <summary>
/// ModernBERT (Warner et al. 2024): rotary positions, attention that is local in most layers, gated feed-forward networks, norms before the branches.
/// </summary>
internal static class ModernBertFamily
{
    private const string Layer = "layers.{i}.";

    private static readonly IReadOnlyList<NameRow> PredictionHead = [("head.dense", "head.dense"), ("head.norm", "head.norm"), ("head.output", "classifier")];

    private static readonly NameTable Names = new(
        "model.",
        [
            ("embeddings.token", "embeddings.tok_embeddings"),
            ("embeddings.norm", "embeddings.norm"),
            NameRow.Fused("layers.{i}.attention", ["query", "key", "value"], Layer + "attn.Wqkv"),
            ("layers.{i}.attention.output", Layer + "attn.Wo"),
            ("layers.{i}.attention.norm", Layer + "attn_norm"),
            NameRow.Fused("layers.{i}.feed_forward", ["gate", "up"], Layer + "mlp.Wi"),
            ("layers.{i}.feed_forward.outer", Layer + "mlp.Wo"),
            ("layers.{i}.feed_forward.norm", Layer + "mlp_norm"),
            ("norm", "final_norm"),
        ]);

    public static readonly ModelFamily Family = new() { ModelTypes = ["modernbert"], Read = config => new("ModernBert", Plan(config), Names, Heads(config)) };

    private static TrunkPlan Plan(ConfigFile config)
    {
        int hidden = config.Count("hidden_size", 768), heads = config.Count("num_attention_heads", 12),
            layers = config.Count("num_hidden_layers", 22, most: 4096);
        if (hidden % heads != 0) throw config.Fault($"'hidden_size' {hidden} is not a multiple of 'num_attention_heads' {heads}");
        if (hidden / heads % 2 != 0) throw config.Fault($"rotary positions need heads of an even width; {hidden / heads} was found");
        NormPlan norm = Norm(config);
        bool bias = config.Flag("attention_bias", false);
        double dropout = config.Dropout("attention_dropout", 0);
        var feedForward = new FeedForwardPlan(config.Count("intermediate_size", 1152), config.Activation("hidden_activation", Activation.Gelu))
        {
            IsGated = true, Bias = config.Flag("mlp_bias", false), Dropout = config.Dropout("mlp_dropout", 0),
        };
        IReadOnlyList<LayerPlan> plans =
        [
            .. Reaches(config, layers, hidden / heads).Select((reach, i) => new LayerPlan(
                new(heads, heads, hidden / heads)
                    { Bias = bias, OutputBias = bias, Dropout = dropout, Rotary = reach.Rotary, Window = reach.Window }, feedForward)
            {
                // The embeddings, which the lowest layer reads, are normalized already.
                AroundAttention = new() { Before = i == 0 ? null : norm, Dropout = dropout },
                AroundFeedForward = new() { Before = norm },
            }),
        ];
        int? pad = config.Has("pad_token_id") ? config.Count("pad_token_id", least: 0) : null;
        return new TrunkPlan
        {
            ModelType = "modernbert",
            HiddenSize = hidden,
            PadTokenId = pad,
            InitializerRange = config.Number("initializer_range", 0.02, 0, 10),
            Labels = config.Labels(),
            ProblemType = config.Text("problem_type"),
            Embedding = new(config.Count("vocab_size", 50368), hidden)
                { PaddingRow = pad ?? -1, Norm = norm, Dropout = config.Dropout("embedding_dropout", 0) },
            Encoder = new(plans) { Norm = norm },
        };
    }

    private static Dictionary<HeadKind, HeadPlan> Heads(ConfigFile config)
    {
        double dropout = config.Dropout("classifier_dropout", 0);
        var dense = new DensePlan(config.Activation("classifier_activation", Activation.Gelu))
            { Bias = config.Flag("classifier_bias", false), Norm = Norm(config) };
        HeadReads pooling = config.Text("classifier_pooling") switch
        {
            null or "cls" => HeadReads.First,
            "mean" => HeadReads.Mean,
            { } other => throw config.Fault($"'classifier_pooling' is '{other}'; cls or mean was expected"),
        };
        var tokens = new HeadPlan { Dense = dense, Dropout = dropout, Output = new(), Names = PredictionHead };
        return new()
        {
            [HeadKind.None] = new(),
            [HeadKind.SequenceClassification] = tokens with { Reads = pooling },
            [HeadKind.TokenClassification] = tokens,
            [HeadKind.QuestionAnswering] = tokens with { Output = new() { Count = 2 } },
            [HeadKind.MaskedLanguage] = new()
            {
                Dense = dense,
                Output = new()
                {
                    Bias = config.Flag("decoder_bias", true), BiasName = "head.output_bias",
                    TiedToEmbeddings = config.Flag("tie_word_embeddings", true), IsOverVocabulary = true,
                },
                Names = EncoderHeadNames.MaskedHead("head.dense", "head.norm", "decoder.bias", "decoder"),
            },
        };
    }

    private static NormPlan Norm(ConfigFile config) => new(config.Number("norm_eps", 1e-5, 0, 1)) { Bias = config.Flag("norm_bias", false) };

    // The 5.x form has layer_types and rope_parameters, the 4.x form global_attn_every_n_layers, global_rope_theta and local_rope_theta.
    private static IReadOnlyList<(RotaryPlan Rotary, AttentionWindow? Window)> Reaches(ConfigFile config, int layers, int width)
    {
        ConfigFile? rotary = config.Section("rope_parameters");
        int reach = config.Count("local_attention", 128) / 2;
        (RotaryPlan, AttentionWindow?) far = (new(Base("full_attention", "global_rope_theta", 160000), width), null);
        (RotaryPlan, AttentionWindow?) near = (new(Base("sliding_attention", "local_rope_theta", 10000), width), new(reach, reach));
        IReadOnlyList<string> types = config.Words("layer_types");
        int every = config.Count("global_attn_every_n_layers", 3);
        if (types.Count == 0) return [.. Enumerable.Range(0, layers).Select(i => i % every == 0 ? far : near)];
        if (types.Count != layers) throw config.Fault($"'layer_types' has {types.Count} entries, but there are {layers} layers");
        return [.. types.Select(type => type switch
        {
            "full_attention" => far,
            "sliding_attention" => near,
            _ => throw config.Fault($"'layer_types' names '{type}'; full_attention or sliding_attention was expected"),
        })];

        double Base(string section, string oldKey, double fallback)
        {
            ConfigFile? own = rotary?.Section(section);
            if (own?.Text("rope_type") is { } kind and not "default")
                throw config.Fault($"'rope_parameters' names the kind '{kind}' for '{section}'; default was expected");
            double old = config.Number(oldKey, fallback, 1, 1e12);
            return own?.Number("rope_theta", old, 1, 1e12) ?? old;
        }
    }
}
