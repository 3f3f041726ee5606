namespace FineTuning.Models;

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

/// <summary>How a checkpoint's trunk is built: the validated contents of config.json, in this library's words.</summary>
/// <remarks>Immutable.</remarks>
public sealed class TrunkPlan
{
    internal TrunkPlan()
    {
    }

    /// <summary>Hugging Face's name of the family, for example <c>bert</c>.</summary>
    public string ModelType { get; internal init; } = "";

    /// <summary>Rows of the token embedding.</summary>
    public int VocabularySize => Embedding.VocabularySize;

    /// <summary>Width of the token embeddings, where a projection widens them (ALBERT, ELECTRA); else the hidden size.</summary>
    public int EmbeddingSize => Embedding.Width;

    /// <summary>Width of the hidden states.</summary>
    public int HiddenSize { get; internal init; }

    /// <summary>Layers; of an encoder-decoder, those of both stacks.</summary>
    public int LayerCount => (Encoder?.Layers.Count ?? 0) + (Decoder?.Layers.Count ?? 0);

    /// <summary>Rows of the type embedding; 0: there is none.</summary>
    public int TypeVocabularySize => Embedding.TypeCount;

    /// <summary>The id of padding. Null: none is named.</summary>
    public int? PadTokenId { get; internal init; }

    /// <summary>The most tokens a row may have. Null: as many as memory allows.</summary>
    public int? MaximumTokens => Embedding.Positions?.Positions;

    /// <summary>The labels config.json names, by output.</summary>
    public IReadOnlyDictionary<int, string> Labels { get; internal init; } = new Dictionary<int, string>();

    /// <summary>
    /// How config.json says that the outputs are read: single_label_classification, multi_label_classification or regression. Null: it does not.
    /// </summary>
    public string? ProblemType { get; internal init; }

    /// <summary>Standard deviation of fresh matrices.</summary>
    internal double InitializerRange { get; init; } = 0.02;

    /// <summary>Matrices that are drawn with another deviation, by the end of this library's name of them; the first that fits counts.</summary>
    internal IReadOnlyList<(string Ending, double Deviation)> Deviations { get; init; } = [];

    /// <summary>The standard deviation of a fresh matrix.</summary>
    internal double DeviationOf(string name)
    {
        foreach ((string ending, double deviation) in Deviations)
        {
            if (name.EndsWith(ending, StringComparison.Ordinal)) return deviation;
        }
        return InitializerRange;
    }

    /// <summary>What enters the lowest layer; an encoder-decoder uses it on both sides.</summary>
    internal EmbeddingPlan Embedding { get; init; } = new(1, 1);

    /// <summary>Layers in which every token sees every other. Null: there are none.</summary>
    internal StackPlan? Encoder { get; init; }

    /// <summary>Layers in which a token sees those before it, and the encoder's states where there is an encoder. Null: there are none.</summary>
    internal StackPlan? Decoder { get; init; }

    /// <summary>The token from which a decoder of an encoder-decoder starts. Null: none is named.</summary>
    internal int? DecoderStartTokenId { get; init; }

    /// <summary>The stack whose states heads read.</summary>
    internal StackPlan Top => Decoder ?? Encoder!;
}
