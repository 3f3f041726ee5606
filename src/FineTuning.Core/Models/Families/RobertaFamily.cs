namespace FineTuning.Models;

/// <summary>
/// RoBERTa (Liu et al. 2019), XLM-RoBERTa (Conneau et al. 2020) and CamemBERT (Martin et al. 2020): BERT's trunk, positions from the padding id + 1 on.
/// </summary>
internal static class RobertaFamily
{
    /// <summary>The heads' names, which MPNet shares.</summary>
    public static readonly EncoderHeadNames HeadNames = new(
        [("head.dense", "classifier.dense"), ("head.output", "classifier.out_proj")],
        EncoderHeadNames.MaskedHead("lm_head.dense", "lm_head.layer_norm", "lm_head.bias", "lm_head.decoder"));

    private static readonly NameTable Names = new("roberta.", BertFamily.Trunk);

    public static readonly ModelFamily Family = new()
    {
        ModelTypes = ["roberta", "xlm-roberta", "camembert"],
        Read = config => BertFamily.Model(Settings(config), StemOf(config), Names, HeadNames),
    };

    private static EncoderSettings Settings(ConfigFile config) =>
        BertFamily.Settings(config, config.Text("model_type") ?? "roberta").WithDroppedPooling(Activation.Tanh) with
        {
            PadTokenId = config.Count("pad_token_id", 1, least: 0),
            PositionsFromPadding = true,
        };

    private static string StemOf(ConfigFile config) => config.Text("model_type") switch
    {
        "xlm-roberta" => "XLMRoberta",
        "camembert" => "Camembert",
        _ => "Roberta",
    };
}
