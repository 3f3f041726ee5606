namespace FineTuning.Examples;

/// <summary>Two texts that belong together: a question and its answer, a sentence and its paraphrase.</summary>
/// <param name="Anchor">The first text, for example the question.</param>
/// <param name="Positive">The text that belongs to it.</param>
public sealed record PositivePair(string Anchor, string Positive) : IRewritableExample
{
    /// <summary>Texts that do not belong to the anchor although they look like it (hard negatives); may be empty.</summary>
    public IReadOnlyList<string> Negatives { get; init; } = [];

    /// <inheritdoc/>
    object IRewritableExample.Rewritten(Func<string, string> rewrite) => this with { Anchor = rewrite(Anchor), Positive = rewrite(Positive) };
}

/// <summary>A text, one that is close to it and one that is not.</summary>
/// <param name="Anchor">The text.</param>
/// <param name="Positive">A text close to it.</param>
/// <param name="Negative">A text that is farther away.</param>
public sealed record TextTriple(string Anchor, string Positive, string Negative)
{
    /// <summary>How much more similar the positive is than the negative, by a teacher's scores; only the margin loss reads it.</summary>
    public double? Margin { get; init; }
}

/// <summary>Two texts and how similar they are.</summary>
/// <param name="First">A text.</param>
/// <param name="Second">Another.</param>
/// <param name="Score">The similarity; losses that compare it with a cosine want it from -1 to 1, those that only rank take any scale.</param>
public sealed record ScoredPair(string First, string Second, double Score) : IRewritableExample
{
    /// <inheritdoc/>
    object IRewritableExample.Rewritten(Func<string, string> rewrite) => this with { First = rewrite(First), Second = rewrite(Second) };
}

/// <summary>Two texts and whether they are similar.</summary>
/// <param name="First">A text.</param>
/// <param name="Second">Another.</param>
/// <param name="Similar">Whether they are.</param>
public sealed record MatchedPair(string First, string Second, bool Similar) : IRewritableExample
{
    /// <inheritdoc/>
    object IRewritableExample.Rewritten(Func<string, string> rewrite) => this with { First = rewrite(First), Second = rewrite(Second) };
}
