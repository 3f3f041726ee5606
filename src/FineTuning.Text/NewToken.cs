namespace FineTuning.Text;

/// <summary>A token to be added to a vocabulary.</summary>
/// <param name="Content">Its text. One that is in the vocabulary already keeps its id and is found in texts from then on.</param>
public sealed record NewToken(string Content)
{
    /// <summary>Whether it only counts where no word character stands beside it.</summary>
    public bool SingleWord { get; init; }

    /// <summary>Whether it takes the white space to its left.</summary>
    public bool StripLeft { get; init; }

    /// <summary>Whether it takes the white space to its right.</summary>
    public bool StripRight { get; init; }

    /// <summary>Whether it is left out when ids are decoded without special tokens.</summary>
    public bool Special { get; init; }

    /// <summary>Whether it is looked for in the normalized text. Null: unless it is special.</summary>
    public bool? Normalized { get; init; }
}
