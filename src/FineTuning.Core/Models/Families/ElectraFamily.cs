namespace FineTuning.Models;

/// <summary>ELECTRA's discriminator and generator (Clark et al. 2020): BERT's trunk over narrower embeddings, without pooler.</summary>
internal static class ElectraFamily
{
    private static readonly NameTable Names = new("electra.", [.. BertFamily.Trunk, ("embeddings.widening", "embeddings_project")], new Dictionary<HeadKind, IReadOnlyList<(string, string)>>
    {
        [HeadKind.SequenceClassification] = [("head.dense", "classifier.dense"), ("head.output", "classifier.out_proj")],
        [HeadKind.TokenClassification] = [("head.output", "classifier")],
        [HeadKind.QuestionAnswering] = [("head.output", "qa_outputs")],
        [HeadKind.MaskedLanguage] =
        [
            ("head.dense", "generator_predictions.dense"), ("head.norm", "generator_predictions.LayerNorm"),
            ("head.output_bias", "generator_lm_head.bias!"), ("head.output", "generator_lm_head"),
        ],
    });

    public static readonly EncoderFamily Family = new() { ModelTypes = ["electra"], ClassStem = "Electra", ReadSpec = Spec, Names = _ => Names };

    private static ModelSpec Spec(ConfigFile config)
    {
        ModelSpec spec = BertFamily.Spec(config, "electra").WithDroppedPooling(HeadPlan.Of(new(Activation.Gelu), Activation.Gelu));
        int embedding = config.Count("embedding_size", 128);
        return spec with { EmbeddingSize = embedding, Widening = embedding == spec.HiddenSize ? null : new WideningPlan() };
    }
}
