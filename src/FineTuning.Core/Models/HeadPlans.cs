namespace FineTuning.Models;

/// <summary>Which vector of a sequence a classification head reads.</summary>
internal enum SequencePooling
{
    /// <summary>That of the first token.</summary>
    First,

    /// <summary>The mean over real tokens.</summary>
    Mean,
}

/// <summary>A dense layer of a head, the function after it and the norm after that.</summary>
/// <param name="Function">What follows the layer.</param>
/// <param name="Name">This library's name of the layer; <c>pooler</c> where it belongs to the trunk, which a base checkpoint holds too.</param>
internal sealed record DensePlan(Activation Function, string Name = "head.dense")
{
    /// <summary>Whether the layer has a bias.</summary>
    public bool Bias { get; init; } = true;

    /// <summary>Whether a norm follows.</summary>
    public bool HasNorm { get; init; }

    /// <summary>Whether the norm has an offset.</summary>
    public bool NormBias { get; init; } = true;
}

/// <summary>How a family's heads are built, each ending in the output layer.</summary>
internal sealed record HeadPlan
{
    /// <summary>Which vector a sequence head reads.</summary>
    public SequencePooling Pooling { get; init; }

    /// <summary>The dense layer of the sequence head.</summary>
    public required DensePlan Sequence { get; init; }

    /// <summary>The dense layer of the token and answer heads; null: they have none.</summary>
    public DensePlan? Token { get; init; }

    /// <summary>The dense layer of the masked-language head; its norm is as wide as the embeddings.</summary>
    public required DensePlan Masked { get; init; }

    /// <summary>Whether the scores over the vocabulary have a bias.</summary>
    public bool MaskedBias { get; init; } = true;

    /// <summary>BERT's heads: a dense layer over the first token, and a dense layer and a norm before the vocabulary.</summary>
    public static HeadPlan Of(DensePlan sequence, Activation masked) => new() { Sequence = sequence, Masked = new(masked) { HasNorm = true } };
}
