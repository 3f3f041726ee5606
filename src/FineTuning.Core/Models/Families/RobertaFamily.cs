namespace FineTuning.Models;

/// <summary>RoBERTa (Liu et al. 2019), XLM-RoBERTa (Conneau et al. 2020) and CamemBERT (Martin et al. 2020): BERT's trunk, positions from the padding id + 1 on.</summary>
internal static class RobertaFamily
{
    /// <summary>The heads' names, which MPNet shares.</summary>
    public static readonly IReadOnlyDictionary<HeadKind, IReadOnlyList<(string, string)>> Heads = new Dictionary<HeadKind, IReadOnlyList<(string, string)>>
    {
        [HeadKind.SequenceClassification] = [("head.dense", "classifier.dense"), ("head.output", "classifier.out_proj")],
        [HeadKind.TokenClassification] = [("head.output", "classifier")],
        [HeadKind.QuestionAnswering] = [("head.output", "qa_outputs")],
        [HeadKind.MaskedLanguage] =
        [
            ("head.dense", "lm_head.dense"), ("head.norm", "lm_head.layer_norm"), ("head.output_bias", "lm_head.bias!"), ("head.output", "lm_head.decoder"),
        ],
    };

    private static readonly NameTable Names = new("roberta.", BertFamily.Trunk, Heads);

    public static readonly EncoderFamily Family = new()
    {
        ModelTypes = ["roberta", "xlm-roberta", "camembert"],
        ClassStem = "Roberta",
        ReadSpec = Spec,
        Names = _ => Names,
    };

    private static ModelSpec Spec(ConfigFile config)
    {
        int pad = config.Count("pad_token_id", 1, least: 0);
        return BertFamily.Spec(config, config.Text("model_type") ?? "roberta").WithDroppedPooling(HeadPlan.Of(new(Activation.Tanh), Activation.Gelu)) with
        {
            PadTokenId = pad,
            PositionOffset = pad + 1,
        };
    }
}
