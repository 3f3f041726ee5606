namespace FineTuning.Models;

/// <summary>
/// BART (Lewis et al. 2020) and Marian (Junczys-Dowmunt et al. 2018): encoder and decoder with norms after the branches, embeddings shared by both and by the
/// output, a stored offset of the scores. BART's positions are learned and begin in row 2; Marian's are sines and cosines.
/// </summary>
internal static class BartFamily
{
    // The pretrained table of positions has two rows before the first.
    private const int PositionOffset = 2;

    private static readonly NameTable Names = new(
        "model.", [("embeddings.token", "shared"), .. Stack("encoder"), .. Stack("decoder"), .. Attention("decoder", "cross", "encoder_attn")]);

    public static readonly ModelFamily Bart = new()
    {
        ModelTypes = ["bart"],
        Read = config =>
        {
            int positions = config.Count("max_position_embeddings", 1024), pad = config.Count("pad_token_id", 1, least: 0);
            var embedding = new EmbeddingPlan(config.Count("vocab_size", 50265), config.Count("d_model", 1024))
            {
                Positions = new(positions + PositionOffset) { Offset = PositionOffset }, Norm = new(1e-5), PaddingRow = pad,
            };
            return new("Bart", Plan(config, "bart", embedding, start: 2), Names, new Dictionary<HeadKind, HeadPlan>
            {
                [HeadKind.None] = new(), [HeadKind.SequenceToSequence] = Language(config, null), [HeadKind.SequenceClassification] = Sequence(config),
            });
        },
    };

    public static readonly ModelFamily Marian = new()
    {
        ModelTypes = ["marian"],
        Read = config =>
        {
            if (!config.Flag("share_encoder_decoder_embeddings", true))
            {
                throw config.Fault("'share_encoder_decoder_embeddings' is false, which is not supported");
            }
            int vocabulary = config.Count("vocab_size", 58101), pad = config.Count("pad_token_id", 58100, least: 0);
            if (config.Has("decoder_vocab_size") && config.Count("decoder_vocab_size") != vocabulary)
            {
                throw config.Fault($"'decoder_vocab_size' is not 'vocab_size' {vocabulary}, which is not supported");
            }
            var embedding = new EmbeddingPlan(vocabulary, config.Count("d_model", 1024))
            {
                Positions = new(config.Count("max_position_embeddings", 1024)) { IsSinusoidal = true }, PaddingRow = pad,
            };
            return new("Marian", Plan(config, "marian", embedding, start: 58100), Names, new Dictionary<HeadKind, HeadPlan>
            {
                [HeadKind.None] = new(), [HeadKind.SequenceToSequence] = Language(config, "MTModel"),
            });
        },
    };

    private static TrunkPlan Plan(ConfigFile config, string modelType, EmbeddingPlan embedding, int start)
    {
        double dropout = config.Dropout("dropout", 0.1);
        if (config.Number("encoder_layerdrop", 0, 0, 1) > 0 || config.Number("decoder_layerdrop", 0, 0, 1) > 0)
        {
            throw config.Fault("'encoder_layerdrop' or 'decoder_layerdrop' is above 0: dropping whole layers is not supported");
        }
        LayerPlan decoder = Layer(config, "decoder", embedding.Width, dropout);
        decoder = decoder with { Attention = decoder.Attention with { IsCausal = true }, Cross = decoder.Attention };
        LayerPlan encoder = Layer(config, "encoder", embedding.Width, dropout);
        double scale = config.Flag("scale_embedding", false) ? Math.Sqrt(embedding.Width) : 1;
        return new TrunkPlan
        {
            ModelType = modelType,
            HiddenSize = embedding.Width,
            PadTokenId = embedding.PaddingRow,
            DecoderStartTokenId = config.Count("decoder_start_token_id", start, least: 0),
            InitializerRange = config.Number("init_std", 0.02, 0, 10),
            Labels = config.Labels(),
            ProblemType = config.Text("problem_type"),
            Embedding = embedding with { Dropout = dropout, Rule = PositionRule.RealTokens, Scale = scale },
            Encoder = new([.. Enumerable.Repeat(encoder, config.Count("encoder_layers", 12, most: 2048))]) { Prefix = "encoder." },
            Decoder = new([.. Enumerable.Repeat(decoder, config.Count("decoder_layers", 12, most: 2048))]) { Prefix = "decoder." },
        };
    }

    private static LayerPlan Layer(ConfigFile config, string stack, int hidden, double dropout)
    {
        int heads = config.Count(stack + "_attention_heads", 16);
        if (hidden % heads != 0) throw config.Fault($"'d_model' {hidden} is not a multiple of '{stack}_attention_heads' {heads}");
        var around = new BranchPlan { After = new(1e-5), Dropout = dropout };
        var feedForward = new FeedForwardPlan(config.Count(stack + "_ffn_dim", 4096), config.Activation("activation_function", Activation.Gelu))
        {
            Dropout = config.Dropout("activation_dropout", 0),
        };
        return new(new(heads, heads, hidden / heads) { Bias = true, OutputBias = true, Dropout = config.Dropout("attention_dropout", 0) }, feedForward)
        {
            AroundAttention = around, AroundCross = around, AroundFeedForward = around,
        };
    }

    private static HeadPlan Language(ConfigFile config, string? suffix) => new()
    {
        ClassSuffix = suffix,
        Output = new()
        {
            BiasName = "head.output_bias", BiasIsFixed = true, TiedToEmbeddings = config.Flag("tie_word_embeddings", true), IsOverVocabulary = true,
        },
        Names = [("head.output", "lm_head"), ("head.output_bias", "final_logits_bias!", TensorLayout.SingleRow)],
    };

    private static HeadPlan Sequence(ConfigFile config)
    {
        double dropout = config.Dropout("classifier_dropout", 0);
        return new()
        {
            Reads = HeadReads.LastEnd, EndTokenId = config.Count("eos_token_id", 2, least: 0),
            InputDropout = dropout, Dense = new(Activation.Tanh), Dropout = dropout, Output = new(),
            Names = [("head.dense", "classification_head.dense"), ("head.output", "classification_head.out_proj")],
        };
    }

    private static IReadOnlyList<NameRow> Stack(string stack)
    {
        (string ours, string theirs) = ($"{stack}.layers.{{i}}.feed_forward.", $"{stack}.layers.{{i}}.");
        return
        [
            ($"{stack}.embeddings.position", $"{stack}.embed_positions"), ($"{stack}.embeddings.norm", $"{stack}.layernorm_embedding"),
            .. Attention(stack, "attention", "self_attn"),
            (ours + "inner", theirs + "fc1"), (ours + "outer", theirs + "fc2"), (ours + "norm", theirs + "final_layer_norm"),
        ];
    }

    private static IReadOnlyList<NameRow> Attention(string stack, string block, string module)
    {
        (string ours, string theirs) = ($"{stack}.layers.{{i}}.{block}.", $"{stack}.layers.{{i}}.{module}");
        return
        [
            (ours + "query", theirs + ".q_proj"), (ours + "key", theirs + ".k_proj"), (ours + "value", theirs + ".v_proj"),
            (ours + "output", theirs + ".out_proj"), (ours + "norm", theirs + "_layer_norm"),
        ];
    }
}
