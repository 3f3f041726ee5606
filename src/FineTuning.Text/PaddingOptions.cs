namespace FineTuning.Text;

/// <summary>How rows of different lengths are made equally long. Immutable.</summary>
public sealed record PaddingOptions
{
    /// <summary>The length that rows are filled up to; rounded at most 16,777,216, and 268,435,456 in all rows. Null: that of the longest row.</summary>
    public int? Length { get; init; }

    /// <summary>The length is rounded up to a multiple of this; 1 or more. Default 1.</summary>
    public int MultipleOf { get; init; } = 1;

    /// <summary>Whether rows are filled up in front. Null: as the tokenizer's files say.</summary>
    public bool? Left { get; init; }

    /// <summary>The token that fills up. Null: the padding token.</summary>
    public int? PadId { get; init; }
}
