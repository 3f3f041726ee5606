namespace FineTuning.Examples;

/// <summary>A text, or a pair of texts, with its label.</summary>
/// <typeparam name="TLabel">An enum, string, bool or integer.</typeparam>
/// <param name="Text">The text.</param>
/// <param name="Label">Its label.</param>
public sealed record LabeledText<TLabel>(string Text, TLabel Label) : IRewritableExample, IStratifiedExample
{
    /// <summary>The second text of a pair. Null: there is none.</summary>
    public string? Pair { get; init; }

    /// <summary>How much the example counts, above 0. Default 1.</summary>
    public double Weight { get; init; } = 1;

    /// <inheritdoc/>
    string? IStratifiedExample.Stratum => Convert.ToString(Label, System.Globalization.CultureInfo.InvariantCulture);

    /// <inheritdoc/>
    object IRewritableExample.Rewritten(Func<string, string> rewrite) => this with { Text = rewrite(Text), Pair = Pair is null ? null : rewrite(Pair) };
}

/// <summary>A text, or a pair of texts, with any number of labels.</summary>
/// <typeparam name="TLabel">An enum, string, bool or integer.</typeparam>
/// <param name="Text">The text.</param>
/// <param name="Labels">Its labels; may be empty.</param>
public sealed record MultiLabeledText<TLabel>(string Text, IReadOnlyList<TLabel> Labels) : IRewritableExample, IStratifiedExample
{
    /// <summary>The second text of a pair. Null: there is none.</summary>
    public string? Pair { get; init; }

    /// <summary>How much the example counts, above 0. Default 1.</summary>
    public double Weight { get; init; } = 1;

    /// <inheritdoc/>
    string? IStratifiedExample.Stratum => string.Join('\n', Labels.Select(label => Convert.ToString(label, System.Globalization.CultureInfo.InvariantCulture))
        .Order(StringComparer.Ordinal));

    /// <inheritdoc/>
    object IRewritableExample.Rewritten(Func<string, string> rewrite) => this with { Text = rewrite(Text), Pair = Pair is null ? null : rewrite(Pair) };
}

/// <summary>A text, or a pair of texts, with a number.</summary>
/// <param name="Text">The text.</param>
/// <param name="Score">The number.</param>
public sealed record ScoredText(string Text, double Score) : IRewritableExample
{
    /// <summary>The second text of a pair. Null: there is none.</summary>
    public string? Pair { get; init; }

    /// <summary>How much the example counts, above 0. Default 1.</summary>
    public double Weight { get; init; } = 1;

    /// <inheritdoc/>
    object IRewritableExample.Rewritten(Func<string, string> rewrite) => this with { Text = rewrite(Text), Pair = Pair is null ? null : rewrite(Pair) };
}
