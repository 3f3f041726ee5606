namespace FineTuning.Models;

/// <summary>What families of decoders set: a base table that a family changes a few entries of, and that becomes a plan.</summary>
internal sealed record DecoderSettings
{
    public required string ModelType { get; init; }

    public required int HiddenSize { get; init; }

    public required EmbeddingPlan Embedding { get; init; }

    /// <summary>The layers from the lowest up; they may differ.</summary>
    public required IReadOnlyList<LayerPlan> Layers { get; init; }

    /// <summary>The norm above the highest layer.</summary>
    public required NormPlan? Norm { get; init; }

    public int? PadTokenId { get; init; }

    public double InitializerRange { get; init; } = 0.02;

    /// <summary>Matrices that are drawn with another deviation, by the end of their name.</summary>
    public IReadOnlyList<(string Ending, double Deviation)> Deviations { get; init; } = [];

    /// <summary>Whether the output matrix is that of the token embeddings, unless the file holds another one.</summary>
    public bool TiesOutput { get; init; }

    /// <summary>Soft cap of the scores over the vocabulary (Gemma 2).</summary>
    public double? OutputSoftCap { get; init; }

    /// <summary>Dropout before the output of a token head.</summary>
    public double TokenDropout { get; init; }

    /// <summary>The keys that all families of decoders read alike.</summary>
    public static DecoderSettings Of(ConfigFile config, string modelType, int hidden, EmbeddingPlan embedding,
        IReadOnlyList<LayerPlan> layers, NormPlan? norm) => new()
    {
        ModelType = modelType,
        HiddenSize = hidden,
        Embedding = embedding,
        Layers = layers,
        Norm = norm,
        PadTokenId = Pad(config),
        InitializerRange = config.Number("initializer_range", 0.02, 0, 10),
    };

    /// <summary>pad_token_id; null where none is named, or where -1 says so.</summary>
    /// <param name="config">The configuration.</param>
    /// <param name="fallback">The id where the key is missing; null there says that there is none.</param>
    public static int? Pad(ConfigFile config, int? fallback = null)
    {
        if (!config.Has("pad_token_id")) return config.IsNull("pad_token_id") ? null : fallback;
        return config.Count("pad_token_id", least: -1) is var id and >= 0 ? id : null;
    }

    /// <summary>sliding_window, which counts the token itself; null: every token before is seen.</summary>
    /// <param name="config">The configuration.</param>
    /// <param name="fallback">The window where the key is missing; null there says that there is none.</param>
    public static AttentionWindow? Window(ConfigFile config, int? fallback = null)
    {
        bool hasNone = config.IsNull("sliding_window") || (fallback is null && !config.Has("sliding_window"));
        return hasNone ? null : new(config.Count("sliding_window", fallback) - 1, 0);
    }

    /// <summary>Which layers see a window alone: layer_types, or the family's rule where the file has none.</summary>
    public static IReadOnlyList<bool> Sliding(ConfigFile config, int layers, Func<int, bool> rule)
    {
        IReadOnlyList<string> types = config.Words("layer_types");
        if (types.Count == 0) return [.. Enumerable.Range(0, layers).Select(rule)];
        if (types.Count != layers) throw config.Fault($"'layer_types' names {types.Count} layers; {layers} were expected");
        return [.. types.Select(type => type switch
        {
            "sliding_attention" => true,
            "full_attention" => false,
            _ => throw config.Fault($"'layer_types' names '{type}', which is not supported; full_attention and sliding_attention are"),
        })];
    }

    /// <summary>The trunk.</summary>
    public TrunkPlan ToPlan(ConfigFile config) => new()
    {
        ModelType = ModelType,
        HiddenSize = HiddenSize,
        PadTokenId = PadTokenId,
        InitializerRange = InitializerRange,
        Deviations = Deviations,
        Labels = config.Labels(),
        ProblemType = config.Text("problem_type"),
        Embedding = Embedding with { Rule = PositionRule.RealTokens },
        Decoder = new(Layers) { Norm = Norm },
    };

    /// <summary>The heads of decoders; sequences are scored at their last real token.</summary>
    /// <param name="causalSuffix">The end of the language model's class name where it is not ForCausalLM.</param>
    /// <param name="tokenModule">What a token head is called; null: the reference has none.</param>
    /// <param name="outputModule">What the output over the vocabulary is called.</param>
    /// <param name="classifies">Whether the reference has a head over sequences.</param>
    public Dictionary<HeadKind, HeadPlan> ToHeads(
        string? causalSuffix = null, string? tokenModule = "score", string outputModule = "lm_head", bool classifies = true)
    {
        var heads = new Dictionary<HeadKind, HeadPlan>
        {
            [HeadKind.None] = new(),
            [HeadKind.CausalLanguage] = new()
            {
                ClassSuffix = causalSuffix,
                Output = new() { Bias = false, TiedToEmbeddings = TiesOutput, IsOverVocabulary = true, SoftCap = OutputSoftCap },
                Names = [("head.output", outputModule)],
            },
        };
        if (classifies)
        {
            heads[HeadKind.SequenceClassification] = new() { Reads = HeadReads.LastReal, Output = new() { Bias = false }, Names = [("head.output", "score")] };
        }
        if (tokenModule is not null)
        {
            heads[HeadKind.TokenClassification] = new() { Dropout = TokenDropout, Output = new(), Names = [("head.output", tokenModule)] };
        }
        return heads;
    }
}
