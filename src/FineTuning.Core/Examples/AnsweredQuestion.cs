namespace FineTuning.Examples;

/// <summary>A question about a text, with its answers: parts of that text.</summary>
/// <param name="Question">The question.</param>
/// <param name="Context">The text in which the answer stands.</param>
/// <param name="Answers">What is right; training takes the first, scores the best fitting. Empty: the text does not answer the question.</param>
public sealed record AnsweredQuestion(string Question, string Context, params IReadOnlyList<GivenAnswer> Answers) : IRewritableExample
{
    /// <summary>What messages name it by. Null: its index in the data.</summary>
    public string? Id { get; init; }

    /// <summary>Where the text is from. Null: not given.</summary>
    public string? Title { get; init; }

    /// <summary>Whether the data say that the text does not answer the question, whatever <see cref="Answers"/> holds.</summary>
    public bool IsImpossible { get; init; }

    /// <summary>Whether the text answers the question.</summary>
    public bool IsAnswerable => !IsImpossible && Answers.Count > 0;

    /// <summary>How much the example counts, above 0. Default 1.</summary>
    public double Weight { get; init; } = 1;

    /// <inheritdoc/>
    object IRewritableExample.Rewritten(Func<string, string> rewrite) => this with { Question = rewrite(Question) };
}

/// <summary>An answer, and where it is said to stand.</summary>
/// <param name="Text">The answer.</param>
/// <param name="Start">The index in the C# string of the context (UTF-16 units) at which it begins.
/// An offset outside the context is kept as it was given.</param>
public sealed record GivenAnswer(string Text, int Start)
{
    /// <summary>Whether the context has the text at that offset.</summary>
    /// <param name="context">The text of the question.</param>
    public bool Matches(string context)
    {
        ArgumentNullException.ThrowIfNull(context);
        return Text.Length > 0 && Start >= 0 && Start <= context.Length - Text.Length && context.AsSpan(Start, Text.Length).SequenceEqual(Text);
    }

    /// <summary>All offsets of the context at which the text stands, overlapping ones too.</summary>
    /// <param name="context">The text of the question.</param>
    public IReadOnlyList<int> Occurrences(string context)
    {
        ArgumentNullException.ThrowIfNull(context);
        var offsets = new List<int>();
        if (Text.Length == 0) return offsets;
        for (int offset = context.IndexOf(Text, StringComparison.Ordinal); offset >= 0; offset = context.IndexOf(Text, offset + 1, StringComparison.Ordinal))
        {
            offsets.Add(offset);
            if (offset + 1 >= context.Length) break;
        }
        return offsets;
    }

    /// <summary>The answer at the nearest offset that has its text. Null: there is none.</summary>
    /// <param name="context">The text of the question.</param>
    public GivenAnswer? Repaired(string context) =>
        Matches(context) ? this : Occurrences(context) is { Count: > 0 } offsets
            ? this with { Start = offsets.MinBy(offset => Math.Abs((long)offset - Start)) } : null;
}
