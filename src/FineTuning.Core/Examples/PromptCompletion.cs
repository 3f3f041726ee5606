using FineTuning.Text;

namespace FineTuning.Examples;

/// <summary>What a model is given, and what it learns to write.</summary>
/// <remarks>Immutable and thread-safe. Both are texts, or both are turns.</remarks>
/// <param name="Prompt">Read, not learned; an empty text: the model begins by itself.</param>
/// <param name="Completion">Learned; not empty. As a text it follows the prompt with nothing between them.</param>
public sealed record PromptCompletion(TextOrTurns Prompt, TextOrTurns Completion)
{
    /// <summary>The tools that the assistant may call. Null: there are none. Only turns have tools.</summary>
    public IReadOnlyList<ChatTool>? Tools { get; init; }

    /// <summary>How much the example counts, above 0. Default 1.</summary>
    public double Weight { get; init; } = 1;

    /// <summary>A plain text, of which everything is learned.</summary>
    /// <param name="text">Not empty.</param>
    public static PromptCompletion OfText(string text) => new("", text);
}

/// <summary>A text and what becomes of it: a sentence and its translation, a report and its summary.</summary>
/// <param name="Source">What the encoder reads.</param>
/// <param name="Target">What the decoder learns to write; not empty.</param>
public sealed record SourceTarget(string Source, string Target)
{
    /// <summary>How much the example counts, above 0. Default 1.</summary>
    public double Weight { get; init; } = 1;
}
