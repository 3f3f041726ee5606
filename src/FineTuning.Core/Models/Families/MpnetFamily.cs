namespace FineTuning.Models;

/// <summary>MPNet (Song et al. 2020): RoBERTa's positions and heads, and a bucketed bias on the scores of all layers.</summary>
internal static class MpnetFamily
{
    // The reference always computes 32 buckets up to distance 128, whatever number of rows config.json gives the table.
    private const int Buckets = 32;
    private const int Farthest = 128;
    private const string Layer = "encoder.layer.{i}.";

    private static readonly NameTable Names = new(
        "mpnet.",
        [
            ("embeddings.token", "embeddings.word_embeddings"),
            ("embeddings.position", "embeddings.position_embeddings"),
            ("embeddings.norm", "embeddings.LayerNorm"),
            ("relative", "encoder.relative_attention_bias"),
            ("layers.{i}.attention.query", Layer + "attention.attn.q"),
            ("layers.{i}.attention.key", Layer + "attention.attn.k"),
            ("layers.{i}.attention.value", Layer + "attention.attn.v"),
            ("layers.{i}.attention.output", Layer + "attention.attn.o"),
            ("layers.{i}.attention.norm", Layer + "attention.LayerNorm"),
            ("layers.{i}.feed_forward.inner", Layer + "intermediate.dense"),
            ("layers.{i}.feed_forward.outer", Layer + "output.dense"),
            ("layers.{i}.feed_forward.norm", Layer + "output.LayerNorm"),
            ("pooler", "pooler.dense"),
        ]);

    public static readonly ModelFamily Family = new()
        { ModelTypes = ["mpnet"], Read = config => BertFamily.Model(Settings(config), "MPNet", Names, RobertaFamily.HeadNames) };

    private static EncoderSettings Settings(ConfigFile config)
    {
        EncoderSettings settings = BertFamily.Settings(config, "mpnet", new(Vocabulary: 30527));
        return (settings with { SequenceDropout = settings.OutputDropout, TokenDropout = settings.OutputDropout }).WithDroppedPooling(Activation.Tanh) with
        {
            TypeCount = 0,
            // The padding id is part of the architecture, as in the reference.
            PadTokenId = 1,
            PositionsFromPadding = true,
            RelativeBias = new RelativeBiasPlan(config.Count("relative_attention_num_buckets", Buckets, least: Buckets), Buckets, Farthest),
        };
    }
}
