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
        ]);

    private static readonly EncoderHeadNames HeadNames = new(
        [("head.output", "classifier")],
        EncoderHeadNames.MaskedHead("predictions.dense", "predictions.LayerNorm", "predictions.bias", "predictions.decoder"));

    public static readonly ModelFamily Family = new()
        { ModelTypes = ["albert"], Read = config => BertFamily.Model(Settings(config), "Albert", Names, HeadNames) };

    private static EncoderSettings Settings(ConfigFile config)
    {
        EncoderSettings settings = BertFamily.Settings(config, "albert", new(30000, 4096, 12, 64, 16384));
        int groups = config.Count("num_hidden_groups", 1);
        if (groups > settings.LayerCount)
            throw config.Fault($"'num_hidden_groups' is {groups}, but there are {settings.LayerCount} layers ('num_hidden_layers')");
        double head = config.Dropout("classifier_dropout_prob", 0.1);
        Activation function = config.Activation("hidden_act", Activation.GeluTanh);
        return settings with
        {
            EmbeddingSize = config.Count("embedding_size", 128),
            Activation = function,
            HiddenDropout = config.Dropout("hidden_dropout_prob", 0),
            AttentionDropout = config.Dropout("attention_probs_dropout_prob", 0),
            // What the feed-forward network adds is not dropped from.
            OutputDropout = 0,
            SequenceDropout = head,
            TokenDropout = head,
            Widening = new WideningPlan(),
            Sharing = new(groups, config.Count("inner_group_num", 1, most: 4096)),
            MaskedActivation = function,
        };
    }
}
