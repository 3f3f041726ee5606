namespace FineTuning.Examples;

/// <summary>A text, or a pair of texts, with its label.</summary>
/// <typeparam name="TLabel">An enum, string, bool or integer.</typeparam>
/// <param name="Text">The text.</param>
/// <param name="Label">Its label.</param>
public sealed record LabeledText<TLabel>(string Text, TLabel Label)
{
    /// <summary>The second text of a pair. Null: there is none.</summary>
    public string? Pair { get; init; }

    /// <summary>How much the example counts, above 0. Default 1.</summary>
    public double Weight { get; init; } = 1;
}

/// <summary>A text, or a pair of texts, with any number of labels.</summary>
/// <typeparam name="TLabel">An enum, string, bool or integer.</typeparam>
/// <param name="Text">The text.</param>
/// <param name="Labels">Its labels; may be empty.</param>
public sealed record MultiLabeledText<TLabel>(string Text, IReadOnlyList<TLabel> Labels)
{
    /// <summary>The second text of a pair. Null: there is none.</summary>
    public string? Pair { get; init; }

    /// <summary>How much the example counts, above 0. Default 1.</summary>
    public double Weight { get; init; } = 1;
}

/// <summary>A text, or a pair of texts, with a number.</summary>
/// <param name="Text">The text.</param>
/// <param name="Score">The number.</param>
public sealed record ScoredText(string Text, double Score)
{
    /// <summary>The second text of a pair. Null: there is none.</summary>
    public string? Pair { get; init; }

    /// <summary>How much the example counts, above 0. Default 1.</summary>
    public double Weight { get; init; } = 1;
}
