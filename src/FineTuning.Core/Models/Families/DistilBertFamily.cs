namespace FineTuning.Models;

/// <summary>DistilBERT (Sanh et al. 2019): BERT's layers without token types and pooler.</summary>
internal static class DistilBertFamily
{
    private const string Layer = "transformer.layer.{i}.";

    private static readonly NameTable Names = new(
        "distilbert.",
        [
            ("embeddings.token", "embeddings.word_embeddings"),
            ("embeddings.position", "embeddings.position_embeddings"),
            ("embeddings.norm", "embeddings.LayerNorm"),
            ("layers.{i}.attention.query", Layer + "attention.q_lin"),
            ("layers.{i}.attention.key", Layer + "attention.k_lin"),
            ("layers.{i}.attention.value", Layer + "attention.v_lin"),
            ("layers.{i}.attention.output", Layer + "attention.out_lin"),
            ("layers.{i}.attention.norm", Layer + "sa_layer_norm"),
            ("layers.{i}.feed_forward.inner", Layer + "ffn.lin1"),
            ("layers.{i}.feed_forward.outer", Layer + "ffn.lin2"),
            ("layers.{i}.feed_forward.norm", Layer + "output_layer_norm"),
        ]);

    private static readonly EncoderHeadNames HeadNames = new(
        [("head.dense", "pre_classifier"), ("head.output", "classifier")],
        EncoderHeadNames.MaskedHead("vocab_transform", "vocab_layer_norm", "vocab_projector.bias", "vocab_projector"));

    public static readonly ModelFamily Family = new()
        { ModelTypes = ["distilbert"], Read = config => BertFamily.Model(Settings(config), "DistilBert", Names, HeadNames) };

    private static EncoderSettings Settings(ConfigFile config)
    {
        int hidden = config.Count("dim", 768);
        int heads = config.Count("n_heads", 12);
        if (hidden % heads != 0) throw config.Fault($"'dim' {hidden} is not a multiple of 'n_heads' {heads}");
        double dropout = config.Dropout("dropout", 0.1);
        Activation function = config.Activation("activation", Activation.Gelu);
        return new EncoderSettings
        {
            ModelType = "distilbert",
            VocabularySize = config.Count("vocab_size", 30522),
            HiddenSize = hidden,
            EmbeddingSize = hidden,
            LayerCount = config.Count("n_layers", 6, most: 4096),
            HeadCount = heads,
            IntermediateSize = config.Count("hidden_dim", 4 * hidden),
            PositionCount = config.Count("max_position_embeddings", 512),
            TypeCount = 0,
            PadTokenId = config.Has("pad_token_id") ? config.Count("pad_token_id", least: 0) : null,
            HiddenDropout = dropout,
            AttentionDropout = config.Dropout("attention_dropout", 0.1),
            OutputDropout = dropout,
            SequenceDropout = config.Dropout("seq_classif_dropout", 0.2),
            TokenDropout = dropout,
            AnswerDropout = config.Dropout("qa_dropout", 0.1),
            Activation = function,
            NormEpsilon = 1e-12,
            InitializerRange = config.Number("initializer_range", 0.02, 0, 10),
            Labels = config.Labels(),
            ProblemType = config.Text("problem_type"),
            SequenceDense = new(Activation.Relu),
            MaskedActivation = function,
            TiesOutput = config.Flag("tie_word_embeddings", true),
        };
    }
}
