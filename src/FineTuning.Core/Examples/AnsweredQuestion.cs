namespace FineTuning.Examples;

/// <summary>A question about a text, with its answers: parts of that text.</summary>
/// <param name="Question">The question.</param>
/// <param name="Context">The text in which the answer stands.</param>
/// <param name="Answers">What is right; training takes the first, scores the best fitting. Empty: the text does not answer the question.</param>
public sealed record AnsweredQuestion(string Question, string Context, params IReadOnlyList<GivenAnswer> Answers)
{
    /// <summary>What messages name it by; null: its place in the data.</summary>
    public string? Id { get; init; }

    /// <summary>Where the text is from; null: nobody said.</summary>
    public string? Title { get; init; }

    /// <summary>Whether the data say that the text does not answer the question, whatever <see cref="Answers"/> holds.</summary>
    public bool IsImpossible { get; init; }

    /// <summary>Whether the text answers the question.</summary>
    public bool IsAnswerable => !IsImpossible && Answers.Count > 0;

    /// <summary>How much the example counts, above 0. Default 1.</summary>
    public double Weight { get; init; } = 1;
}

/// <summary>An answer, and where it is said to stand.</summary>
/// <param name="Text">The answer.</param>
/// <param name="Start">The index in the C# string of the context (UTF-16 units) at which it begins. A place outside the context is kept as it was given.</param>
public sealed record GivenAnswer(string Text, int Start)
{
    /// <summary>Whether the context has the text at that place.</summary>
    /// <param name="context">The text of the question.</param>
    public bool Matches(string context)
    {
        ArgumentNullException.ThrowIfNull(context);
        return Text.Length > 0 && Start >= 0 && Start <= context.Length - Text.Length && context.AsSpan(Start, Text.Length).SequenceEqual(Text);
    }

    /// <summary>All places of the context that have the text, overlapping ones too.</summary>
    /// <param name="context">The text of the question.</param>
    public IReadOnlyList<int> Occurrences(string context)
    {
        ArgumentNullException.ThrowIfNull(context);
        var places = new List<int>();
        if (Text.Length == 0) return places;
        for (int place = context.IndexOf(Text, StringComparison.Ordinal); place >= 0; place = context.IndexOf(Text, place + 1, StringComparison.Ordinal))
        {
            places.Add(place);
            if (place + 1 >= context.Length) break;
        }
        return places;
    }

    /// <summary>The answer at the nearest place that has its text; null: there is none.</summary>
    /// <param name="context">The text of the question.</param>
    public GivenAnswer? Repaired(string context) =>
        Matches(context) ? this : Occurrences(context) is { Count: > 0 } places ? this with { Start = places.MinBy(place => Math.Abs((long)place - Start)) } : null;
}
