namespace FineTuning.Heads;

/// <summary>What a classifier answers.</summary>
/// <typeparam name="TLabel">The user's label type.</typeparam>
/// <param name="Label">The most probable label.</param>
/// <param name="Confidence">Its probability, from 0 to 1.</param>
/// <param name="Scores">Every label with its probability, the most probable first; they sum to 1.</param>
/// <param name="TruncatedTokens">How many tokens at the end of the text the model did not see; 0: it saw all.</param>
public sealed record Classification<TLabel>(TLabel Label, double Confidence, IReadOnlyList<LabelScore<TLabel>> Scores, int TruncatedTokens)
{
    /// <inheritdoc/>
    public override string ToString() => $"{Label} ({Confidence:P1})";
}

/// <summary>What a multi-label classifier answers.</summary>
/// <typeparam name="TLabel">The user's label type.</typeparam>
/// <param name="Labels">The labels whose probability reaches the threshold, the most probable first; may be empty.</param>
/// <param name="Scores">Every label with its own probability, the most probable first; they need not sum to 1.</param>
/// <param name="TruncatedTokens">How many tokens at the end of the text the model did not see; 0: it saw all.</param>
public sealed record MultiLabelPrediction<TLabel>(IReadOnlyList<TLabel> Labels, IReadOnlyList<LabelScore<TLabel>> Scores, int TruncatedTokens)
{
    /// <inheritdoc/>
    public override string ToString() => Labels.Count == 0 ? "(none)" : string.Join(", ", Labels);
}

/// <summary>What a regressor answers.</summary>
/// <param name="Score">The value.</param>
/// <param name="TruncatedTokens">How many tokens at the end of the text the model did not see; 0: it saw all.</param>
public sealed record TextScore(double Score, int TruncatedTokens);

/// <summary>A label with its probability.</summary>
/// <typeparam name="TLabel">The user's label type.</typeparam>
/// <param name="Label">The label.</param>
/// <param name="Score">From 0 to 1.</param>
public readonly record struct LabelScore<TLabel>(TLabel Label, double Score);
