namespace FineTuning.Models;

/// <summary>What the output layer of a model is for.</summary>
public enum HeadKind
{
    /// <summary>No head: hidden states only.</summary>
    None,

    /// <summary>One vector of scores for a sequence.</summary>
    SequenceClassification,

    /// <summary>One vector of scores for each token.</summary>
    TokenClassification,

    /// <summary>A start and an end score for each token.</summary>
    QuestionAnswering,

    /// <summary>Scores over the vocabulary for each token.</summary>
    MaskedLanguage,
}

/// <summary>A function between two layers.</summary>
public enum Activation
{
    /// <summary>x Phi(x), by the error function (Hendrycks and Gimpel 2016).</summary>
    Gelu,

    /// <summary>The approximation of GELU by the hyperbolic tangent.</summary>
    GeluTanh,

    /// <summary>max(0, x).</summary>
    Relu,

    /// <summary>x sigmoid(x).</summary>
    Silu,

    /// <summary>The hyperbolic tangent.</summary>
    Tanh,
}

/// <summary>How a checkpoint's encoder is built: the validated contents of config.json, in this library's words.</summary>
/// <remarks>Immutable.</remarks>
public sealed record ModelSpec
{
    /// <summary>Hugging Face's name of the family, for example <c>bert</c>.</summary>
    public required string ModelType { get; init; }

    /// <summary>Rows of the token embedding.</summary>
    public required int VocabularySize { get; init; }

    /// <summary>Width of the hidden states.</summary>
    public required int HiddenSize { get; init; }

    /// <summary>Width of the embeddings, where a projection widens them (ALBERT, ELECTRA); else the hidden size.</summary>
    public required int EmbeddingSize { get; init; }

    /// <summary>Layers.</summary>
    public required int LayerCount { get; init; }

    /// <summary>Attention heads a layer.</summary>
    public required int HeadCount { get; init; }

    /// <summary>Width inside the feed-forward network.</summary>
    public required int IntermediateSize { get; init; }

    /// <summary>Rows of the position embedding; 0: there is none.</summary>
    public required int PositionCount { get; init; }

    /// <summary>The position of the first token; families that count from the padding id have fewer usable rows.</summary>
    public int PositionOffset { get; init; }

    /// <summary>Rows of the type embedding; 0: there is none.</summary>
    public required int TypeVocabularySize { get; init; }

    /// <summary>The id of padding; null: none is named.</summary>
    public int? PadTokenId { get; init; }

    /// <summary>Dropout of hidden states, from 0 to below 1.</summary>
    public double HiddenDropout => Dropouts.Output ?? Dropouts.AttentionOutput ?? Dropouts.Embedding ?? 0;

    /// <summary>Dropout of attention probabilities, from 0 to below 1.</summary>
    public double AttentionDropout => Dropouts.Attention ?? 0;

    /// <summary>Dropout before the output layer, from 0 to below 1.</summary>
    public double HeadDropout => Dropouts.Sequence ?? 0;

    /// <summary>The function inside the feed-forward network.</summary>
    public required Activation Activation { get; init; }

    /// <summary>Epsilon of the normalizations.</summary>
    public required double NormEpsilon { get; init; }

    /// <summary>Standard deviation of fresh matrices.</summary>
    public required double InitializerRange { get; init; }

    /// <summary>The labels config.json names, by output.</summary>
    public IReadOnlyDictionary<int, string> Labels { get; init; } = new Dictionary<int, string>();

    /// <summary>How config.json says that the outputs are read: single_label_classification, multi_label_classification or regression; null: it does not.</summary>
    public string? ProblemType { get; init; }

    /// <summary>The most tokens a row may have; null: as many as memory allows.</summary>
    public int? MaximumTokens => PositionCount == 0 ? null : PositionCount - PositionOffset;

    /// <summary>Where the network drops, and how much.</summary>
    internal DropoutRates Dropouts { get; init; } = new();

    /// <summary>How the heads are built.</summary>
    internal HeadPlan Heads { get; init; } = HeadPlan.Of(new(Activation.Tanh), Activation.Gelu);

    /// <summary>How a token's place reaches the attention; null: by the position embedding alone.</summary>
    internal PositionPlan? Positions { get; init; }

    /// <summary>Which biases, norms and functions a layer is made of.</summary>
    internal LayerPlan Layer { get; init; } = new();

    /// <summary>How the embeddings become as wide as the hidden states; null: they are.</summary>
    internal WideningPlan? Widening { get; init; }

    /// <summary>Which layers share their weights; null: none.</summary>
    internal SharingPlan? Sharing { get; init; }

    /// <summary>The convolution beside the lowest layer; null: there is none.</summary>
    internal ConvolutionPlan? Convolution { get; init; }

    /// <summary>Whether the embeddings of padding are set to zero.</summary>
    internal bool ClearsPadding { get; init; }

    /// <summary>Whether the token embeddings are the masked-language head's output matrix too.</summary>
    internal bool TiesOutput { get; init; } = true;
}
