namespace FineTuning.Batching;

/// <summary>How texts share rows, so that little of a batch is padding.</summary>
public enum PackingStrategy
{
    /// <summary>A text a row; rows of similar length stand together and are padded.</summary>
    None,

    /// <summary>Whole texts share rows, best fit decreasing. They do not see each other.</summary>
    Whole,

    /// <summary>As <see cref="Whole"/>, but a text longer than a row is split into pieces that do not see each other.</summary>
    Split,

    /// <summary>All texts one after another, cut into rows of the maximal length. Within a row, texts see those before them.</summary>
    Wrapped,

    /// <summary>All texts of a batch in one row without padding. They do not see each other.</summary>
    PaddingFree,
}
