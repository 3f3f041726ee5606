namespace FineTuning.Models;

/// <summary>ALBERT (Lan et al. 2020): narrow embeddings, and layers that share their weights.</summary>
internal static class AlbertFamily
{
    private const string Layer = "encoder.albert_layer_groups.{i}.albert_layers.{j}.";

    private static readonly NameTable Names = new(
        "albert.",
        [
            ("embeddings.token", "embeddings.word_embeddings"),
            ("embeddings.position", "embeddings.position_embeddings"),
            ("embeddings.type", "embeddings.token_type_embeddings"),
            ("embeddings.norm", "embeddings.LayerNorm"),
            ("embeddings.widening", "encoder.embedding_hidden_mapping_in"),
            ("groups.{i}.layers.{j}.attention.query", Layer + "attention.query"),
            ("groups.{i}.layers.{j}.attention.key", Layer + "attention.key"),
            ("groups.{i}.layers.{j}.attention.value", Layer + "attention.value"),
            ("groups.{i}.layers.{j}.attention.output", Layer + "attention.dense"),
            ("groups.{i}.layers.{j}.attention.norm", Layer + "attention.LayerNorm"),
            ("groups.{i}.layers.{j}.feed_forward.inner", Layer + "ffn"),
            ("groups.{i}.layers.{j}.feed_forward.outer", Layer + "ffn_output"),
            ("groups.{i}.layers.{j}.feed_forward.norm", Layer + "full_layer_layer_norm"),
            ("pooler", "pooler"),
        ],
        new Dictionary<HeadKind, IReadOnlyList<(string, string)>>
        {
            [HeadKind.SequenceClassification] = [("head.output", "classifier")],
            [HeadKind.TokenClassification] = [("head.output", "classifier")],
            [HeadKind.QuestionAnswering] = [("head.output", "qa_outputs")],
            [HeadKind.MaskedLanguage] =
            [
                ("head.dense", "predictions.dense"), ("head.norm", "predictions.LayerNorm"), ("head.output_bias", "predictions.bias!"), ("head.output", "predictions.decoder"),
            ],
        });

    public static readonly EncoderFamily Family = new() { ModelTypes = ["albert"], ClassStem = "Albert", ReadSpec = Spec, Names = _ => Names };

    private static ModelSpec Spec(ConfigFile config)
    {
        ModelSpec spec = BertFamily.Spec(config, "albert", new(30000, 4096, 12, 64, 16384));
        int groups = config.Count("num_hidden_groups", 1);
        if (groups > spec.LayerCount) throw config.Fault($"'num_hidden_groups' is {groups}, but there are {spec.LayerCount} layers ('num_hidden_layers')");
        double hidden = config.Dropout("hidden_dropout_prob", 0), head = config.Dropout("classifier_dropout_prob", 0.1);
        Activation function = config.Activation("hidden_act", Activation.GeluTanh);
        return spec with
        {
            EmbeddingSize = config.Count("embedding_size", 128),
            Activation = function,
            // What the feed-forward network adds is not dropped from.
            Dropouts = DropoutRates.OfTrunk(hidden, config.Dropout("attention_probs_dropout_prob", 0), head) with { Output = null },
            Widening = new WideningPlan(),
            Sharing = new(groups, config.Count("inner_group_num", 1, most: 4096)),
            Heads = HeadPlan.Of(BertFamily.Pooler, function),
        };
    }
}
