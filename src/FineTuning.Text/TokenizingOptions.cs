namespace FineTuning.Text;

/// <summary>What is cut where a text, or a pair, has too many tokens.</summary>
public enum TruncationStrategy
{
    /// <summary>Nothing.</summary>
    None,

    /// <summary>The longer text of a pair, or both.</summary>
    LongestFirst,

    /// <summary>The first text only.</summary>
    OnlyFirst,

    /// <summary>The second text only.</summary>
    OnlySecond,
}

/// <summary>How a text is tokenized. Immutable.</summary>
public sealed record TokenizingOptions
{
    /// <summary>Whether the model's template puts its tokens around the text. Default true.</summary>
    public bool AddSpecialTokens { get; init; } = true;

    /// <summary>The most tokens, the template's included. Null: what the tokenizer's files say, or as many as the text has.</summary>
    public int? MaximumLength { get; init; }

    /// <summary>What is cut where there are more. Default: nothing.</summary>
    public TruncationStrategy Truncation { get; init; }

    /// <summary>Whether the beginning is cut instead of the end. Null: as the tokenizer's files say.</summary>
    public bool? TruncateLeft { get; init; }

    /// <summary>How many tokens two windows share; from 0 to below the room of a window.</summary>
    public int Stride { get; init; }

    /// <summary>Whether what is cut is kept in further windows.</summary>
    public bool KeepOverflow { get; init; }

    /// <summary>Whether special tokens that stand in the text are read as text.</summary>
    public bool SplitSpecialTokens { get; init; }
}
