namespace FineTuning.Models;

/// <summary>Which number a token's position has where the caller gives none.</summary>
internal enum PositionRule
{
    /// <summary>Its index in the row.</summary>
    Index,

    /// <summary>How many real tokens stand before it: padding on the left changes nothing (decoders).</summary>
    RealTokens,

    /// <summary>How many tokens before it are not the padding id; padding itself stands one before the first (RoBERTa).</summary>
    Ids,
}

/// <summary>A vector for each position, added to the token embeddings.</summary>
/// <param name="Count">Rows of the table.</param>
internal sealed record PositionEmbeddingPlan(int Count)
{
    /// <summary>The row of position 0.</summary>
    public int Offset { get; init; }

    /// <summary>Whether rows are sines and cosines (Vaswani et al. 2017, section 3.5), first all sines, then all cosines. False: they are learned.</summary>
    public bool IsSinusoidal { get; init; }

    /// <summary>The row that gets no gradient; -1: every row does.</summary>
    public int PaddingRow { get; init; } = -1;

    /// <summary>How many positions there are.</summary>
    public int Positions => Count - Offset;
}

/// <summary>What enters the lowest layer of a stack.</summary>
/// <param name="VocabularySize">Rows of the token embedding.</param>
/// <param name="Width">Width of the token embedding.</param>
internal sealed record EmbeddingPlan(int VocabularySize, int Width)
{
    /// <summary>The token row that gets no gradient; -1: every row does.</summary>
    public int PaddingRow { get; init; } = -1;

    /// <summary>The factor of token embeddings (Gemma, Marian), rounded to the weights' type by the reference.</summary>
    public double Scale { get; init; } = 1;

    /// <summary>Vectors of positions. Null: there are none.</summary>
    public PositionEmbeddingPlan? Positions { get; init; }

    /// <summary>The number of a token's position.</summary>
    public PositionRule Rule { get; init; }

    /// <summary>Rows of the type embedding; 0: there is none.</summary>
    public int TypeCount { get; init; }

    /// <summary>Normalizes the sum. Null: nothing does.</summary>
    public NormPlan? Norm { get; init; }

    /// <summary>Dropout of the sum, from 0 to below 1.</summary>
    public double Dropout { get; init; }

    /// <summary>The linear layer to the hidden size. Null: there is none.</summary>
    public WideningPlan? Widening { get; init; }

    /// <summary>Whether the embeddings of padding are set to zero.</summary>
    public bool ClearsPadding { get; init; }
}

/// <summary>The linear layer between embeddings and hidden states.</summary>
/// <param name="BeforeNorm">Whether it stands before the embeddings' norm, which then is as wide as the hidden states.</param>
/// <param name="Bias">Whether it has a bias.</param>
internal sealed record WideningPlan(bool BeforeNorm = false, bool Bias = true);
