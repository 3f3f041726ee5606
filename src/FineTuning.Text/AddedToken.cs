namespace FineTuning.Text;

/// <summary>A token that is found in the text before anything else is done with it.</summary>
/// <param name="Content">Its text.</param>
/// <param name="Id">Its id.</param>
public sealed record AddedToken(string Content, int Id)
{
    /// <summary>Whether it only counts where no word character stands beside it.</summary>
    public bool SingleWord { get; init; }

    /// <summary>Whether it takes the white space to its left.</summary>
    public bool StripLeft { get; init; }

    /// <summary>Whether it takes the white space to its right.</summary>
    public bool StripRight { get; init; }

    /// <summary>Whether it is looked for in the normalized text.</summary>
    public bool Normalized { get; init; }

    /// <summary>Whether it is left out when ids are decoded without special tokens.</summary>
    public bool Special { get; init; }
}
