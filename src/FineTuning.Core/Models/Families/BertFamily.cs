namespace FineTuning.Models;

/// <summary>BERT (Devlin et al. 2019), and the configuration keys that its descendants share.</summary>
internal static class BertFamily
{
    private const string Layer = "encoder.layer.{i}.";

    /// <summary>The trunk's names, which RoBERTa and ELECTRA share.</summary>
    public static readonly IReadOnlyList<NameRow> Trunk =
    [
        ("embeddings.token", "embeddings.word_embeddings"),
        ("embeddings.position", "embeddings.position_embeddings"),
        ("embeddings.type", "embeddings.token_type_embeddings"),
        ("embeddings.norm", "embeddings.LayerNorm"),
        ("layers.{i}.attention.query", Layer + "attention.self.query"),
        ("layers.{i}.attention.key", Layer + "attention.self.key"),
        ("layers.{i}.attention.value", Layer + "attention.self.value"),
        ("layers.{i}.attention.output", Layer + "attention.output.dense"),
        ("layers.{i}.attention.norm", Layer + "attention.output.LayerNorm"),
        ("layers.{i}.feed_forward.inner", Layer + "intermediate.dense"),
        ("layers.{i}.feed_forward.outer", Layer + "output.dense"),
        ("layers.{i}.feed_forward.norm", Layer + "output.LayerNorm"),
        ("pooler", "pooler.dense"),
    ];

    /// <summary>The pooler: a dense layer over the first token that belongs to the trunk.</summary>
    public static readonly DensePlan Pooler = new(Activation.Tanh, "pooler");

    private static readonly NameTable Names = new("bert.", Trunk);

    private static readonly EncoderHeadNames HeadNames = new(
        [("head.output", "classifier")],
        EncoderHeadNames.MaskedHead("cls.predictions.transform.dense", "cls.predictions.transform.LayerNorm",
            "cls.predictions.bias", "cls.predictions.decoder"));

    public static readonly ModelFamily Family = new() { ModelTypes = ["bert"], Read = config => Model(Settings(config, "bert"), "Bert", Names, HeadNames) };

    /// <summary>A model of BERT's kind.</summary>
    public static FamilyModel Model(EncoderSettings settings, string classStem, NameTable names, EncoderHeadNames heads) =>
        new(classStem, settings.ToPlan(), names, settings.ToHeads(heads));

    /// <summary>The keys of BERT's configuration and their defaults.</summary>
    /// <param name="config">The configuration.</param>
    /// <param name="modelType">The family's name.</param>
    /// <param name="sizes">The sizes where the configuration names none; null: BERT-base's.</param>
    public static EncoderSettings Settings(ConfigFile config, string modelType, DefaultSizes? sizes = null)
    {
        sizes ??= new();
        int hidden = config.Count("hidden_size", sizes.Hidden);
        int heads = config.Count("num_attention_heads", sizes.Heads);
        if (hidden % heads != 0) throw config.Fault($"'hidden_size' {hidden} is not a multiple of 'num_attention_heads' {heads}");
        if (config.Text("position_embedding_type") is { } positions and not "absolute")
            throw config.Fault($"'position_embedding_type' is '{positions}'; 'absolute' was expected");
        double dropout = config.Dropout("hidden_dropout_prob", 0.1);
        Activation function = config.Activation("hidden_act", Activation.Gelu);
        return new EncoderSettings
        {
            ModelType = modelType,
            VocabularySize = config.Count("vocab_size", sizes.Vocabulary),
            HiddenSize = hidden,
            EmbeddingSize = hidden,
            LayerCount = config.Count("num_hidden_layers", sizes.Layers, most: 4096),
            HeadCount = heads,
            IntermediateSize = config.Count("intermediate_size", sizes.Intermediate),
            PositionCount = config.Count("max_position_embeddings", 512),
            TypeCount = config.Count("type_vocab_size", sizes.Types, least: 0),
            PadTokenId = config.Has("pad_token_id") ? config.Count("pad_token_id", least: 0) : null,
            HiddenDropout = dropout,
            AttentionDropout = config.Dropout("attention_probs_dropout_prob", 0.1),
            OutputDropout = dropout,
            SequenceDropout = config.Dropout("classifier_dropout", dropout),
            TokenDropout = config.Dropout("classifier_dropout", dropout),
            Activation = function,
            NormEpsilon = config.Number("layer_norm_eps", 1e-12, 0, 1),
            InitializerRange = config.Number("initializer_range", 0.02, 0, 10),
            Labels = config.Labels(),
            ProblemType = config.Text("problem_type"),
            MaskedActivation = function,
            TiesOutput = config.Flag("tie_word_embeddings", true),
        };
    }

    /// <summary>The settings with a sequence head of its own dense layer, that also drops from what it reads, as that of RoBERTa and its kin does.</summary>
    public static EncoderSettings WithDroppedPooling(this EncoderSettings settings, Activation function) =>
        settings with { SequenceDense = new(function), MaskedActivation = Activation.Gelu, PooledDropout = settings.SequenceDropout };
}

/// <summary>The sizes that a configuration need not name.</summary>
internal sealed record DefaultSizes(int Vocabulary = 30522, int Hidden = 768, int Layers = 12, int Heads = 12, int Intermediate = 3072, int Types = 2);
