namespace FineTuning.Models;

/// <summary>ELECTRA's discriminator and generator (Clark et al. 2020): BERT's trunk over narrower embeddings, without pooler.</summary>
internal static class ElectraFamily
{
    private static readonly NameTable Names = new("electra.", [.. BertFamily.Trunk, ("embeddings.widening", "embeddings_project")]);

    private static readonly EncoderHeadNames HeadNames = new(
        [("head.dense", "classifier.dense"), ("head.output", "classifier.out_proj")],
        EncoderHeadNames.MaskedHead("generator_predictions.dense", "generator_predictions.LayerNorm", "generator_lm_head.bias", "generator_lm_head"));

    public static readonly ModelFamily Family = new()
        { ModelTypes = ["electra"], Read = config => BertFamily.Model(Settings(config), "Electra", Names, HeadNames) };

    private static EncoderSettings Settings(ConfigFile config)
    {
        EncoderSettings settings = BertFamily.Settings(config, "electra").WithDroppedPooling(Activation.Gelu);
        int embedding = config.Count("embedding_size", 128);
        return settings with { EmbeddingSize = embedding, Widening = embedding == settings.HiddenSize ? null : new WideningPlan() };
    }
}
