namespace FineTuning.Examples;

/// <summary>What a tagger learns from: <see cref="TaggedWords"/> or an <see cref="AnnotatedText"/>.</summary>
public abstract record TaggedText
{
    private protected TaggedText()
    {
    }

    /// <summary>How much the example counts, above 0. Default 1.</summary>
    public double Weight { get; init; } = 1;

    /// <summary>The document it stands in, where that is known: neighbours of one document are each other's context.</summary>
    public int? Document { get; init; }

    /// <summary>What precedes it in the document, in order: words, or texts. Read only by models that take context.</summary>
    public IReadOnlyList<string> Before { get; init; } = [];

    /// <summary>What follows it in the document, in order: words, or texts. Read only by models that take context.</summary>
    public IReadOnlyList<string> After { get; init; } = [];
}

/// <summary>A sentence cut into words, each with a tag.</summary>
/// <param name="Words">The words.</param>
/// <param name="Tags">One a word.</param>
public record TaggedWords(IReadOnlyList<string> Words, IReadOnlyList<string> Tags) : TaggedText
{
    /// <summary>How the tags say where entities begin and end; converted into the model's own scheme. Default IOB2.</summary>
    public TaggingScheme Scheme { get; init; } = TaggingScheme.Iob2;
}

/// <summary>A text with the entities in it.</summary>
/// <param name="Text">The text.</param>
/// <param name="Spans">Its entities, in any order; they do not overlap.</param>
public sealed record AnnotatedText(string Text, IReadOnlyList<TextSpan> Spans) : TaggedText;

/// <summary>An entity by its characters.</summary>
/// <param name="Type">Its type, for example PER.</param>
/// <param name="Start">Its first character: the index in the C# string (UTF-16 units).</param>
/// <param name="End">Where it ends: the index behind its last character.</param>
public readonly record struct TextSpan(string Type, int Start, int End);
