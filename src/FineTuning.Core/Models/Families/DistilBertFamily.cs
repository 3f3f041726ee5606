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
        ],
        new Dictionary<HeadKind, IReadOnlyList<(string, string)>>
        {
            [HeadKind.SequenceClassification] = [("head.dense", "pre_classifier"), ("head.output", "classifier")],
            [HeadKind.TokenClassification] = [("head.output", "classifier")],
            [HeadKind.QuestionAnswering] = [("head.output", "qa_outputs")],
            [HeadKind.MaskedLanguage] =
            [
                ("head.dense", "vocab_transform"), ("head.norm", "vocab_layer_norm"), ("head.output_bias", "vocab_projector.bias!"), ("head.output", "vocab_projector"),
            ],
        });

    public static readonly EncoderFamily Family = new() { ModelTypes = ["distilbert"], ClassStem = "DistilBert", ReadSpec = Spec, Names = _ => Names };

    private static ModelSpec Spec(ConfigFile config)
    {
        int hidden = config.Count("dim", 768);
        int heads = config.Count("n_heads", 12);
        if (hidden % heads != 0) throw config.Fault($"'dim' {hidden} is not a multiple of 'n_heads' {heads}");
        double dropout = config.Dropout("dropout", 0.1);
        Activation function = config.Activation("activation", Activation.Gelu);
        return new ModelSpec
        {
            ModelType = "distilbert",
            VocabularySize = config.Count("vocab_size", 30522),
            HiddenSize = hidden,
            EmbeddingSize = hidden,
            LayerCount = config.Count("n_layers", 6, most: 4096),
            HeadCount = heads,
            IntermediateSize = config.Count("hidden_dim", 4 * hidden),
            PositionCount = config.Count("max_position_embeddings", 512),
            TypeVocabularySize = 0,
            PadTokenId = config.Has("pad_token_id") ? config.Count("pad_token_id", least: 0) : null,
            Dropouts = DropoutRates.OfTrunk(dropout, config.Dropout("attention_dropout", 0.1), dropout) with
            {
                Sequence = config.Dropout("seq_classif_dropout", 0.2), Answer = config.Dropout("qa_dropout", 0.1),
            },
            Activation = function,
            NormEpsilon = 1e-12,
            InitializerRange = config.Number("initializer_range", 0.02, 0, 10),
            Labels = config.Labels(),
            ProblemType = config.Text("problem_type"),
            Heads = HeadPlan.Of(new(Activation.Relu), function),
            TiesOutput = config.Flag("tie_word_embeddings", true),
        };
    }
}
