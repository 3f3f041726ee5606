namespace FineTuning.Models;

/// <summary>RoBERTa (Liu et al. 2019), XLM-RoBERTa (Conneau et al. 2020) and CamemBERT (Martin et al. 2020): BERT's trunk, positions from the padding id + 1 on.</summary>
internal static class RobertaFamily
{
    public static readonly EncoderFamily Family = new()
    {
        ModelTypes = ["roberta", "xlm-roberta", "camembert"],
        ClassStem = "Roberta",
        ReadSpec = Spec,
        Names = new("roberta.", BertFamily.Trunk, new Dictionary<HeadKind, IReadOnlyList<(string, string)>>
        {
            [HeadKind.SequenceClassification] = [("head.dense", "classifier.dense"), ("head.output", "classifier.out_proj")],
            [HeadKind.TokenClassification] = [("head.output", "classifier")],
            [HeadKind.QuestionAnswering] = [("head.output", "qa_outputs")],
            [HeadKind.MaskedLanguage] =
            [
                ("head.dense", "lm_head.dense"), ("head.norm", "lm_head.layer_norm"), ("head.output_bias", "lm_head.bias!"), ("head.output", "lm_head.decoder"),
            ],
        }),
        SequenceHead = new("head.dense", Activation.Tanh, DropoutBefore: true, DenseInTrunk: false),
        MaskedLanguageFunction = _ => Activation.Gelu,
    };

    private static ModelSpec Spec(ConfigFile config)
    {
        int pad = config.Count("pad_token_id", 1, least: 0);
        ModelSpec spec = BertFamily.Spec(config, config.Text("model_type") ?? "roberta");
        return spec with { PadTokenId = pad, PositionOffset = pad + 1, NormEpsilon = config.Number("layer_norm_eps", 1e-12, 0, 1) };
    }
}
