using FineTuning.Errors;
using FineTuning.Text.Jinja;

namespace FineTuning.Text;

/// <summary>How it is known where answers stand.</summary>
public enum AnswerSource
{
    /// <summary>It is not known.</summary>
    None,

    /// <summary>The template marks them (<c>{% generation %}</c>).</summary>
    GenerationMarks,

    /// <summary>The conversation was rendered up to each of them, and these texts begin the whole.</summary>
    PrefixRendering,
}

/// <summary>A rendered conversation. Immutable; offsets count UTF-16 units, the index of a C# string.</summary>
public sealed class ChatRendering
{
    private readonly int _lost;

    internal ChatRendering(TemplateOutput output, int length, bool hasMarks)
    {
        Text = output.Text[..length];
        Source = hasMarks ? AnswerSource.GenerationMarks : AnswerSource.None;
        Spans = Within(output.Spans, length);
        AnswerRanges = Merged(Spans);
        _lost = output.Generations - output.Spans.Count;
    }

    private ChatRendering(ChatRendering rendering, IReadOnlyList<(int Start, int End)> answers)
    {
        (Text, Source, AnswerRanges, Spans) = (rendering.Text, AnswerSource.PrefixRendering, answers, rendering.Spans);
    }

    /// <summary>The text. It has its special tokens already: none are added when it is tokenized.</summary>
    public string Text { get; }

    /// <summary>Where the assistant's answers stand in the text, from the first character to behind the last, in order and apart from each other.</summary>
    public IReadOnlyList<(int Start, int End)> AnswerRanges { get; }

    /// <summary>How the ranges are known.</summary>
    public AnswerSource Source { get; }

    /// <summary>Where each mark stands, in the order in which the marks end.</summary>
    internal IReadOnlyList<TextSpan> Spans { get; }

    /// <summary>The text.</summary>
    public override string ToString() => Text;

    internal ChatRendering With(IReadOnlyList<(int Start, int End)> answers) => new(this, answers);

    /// <exception cref="ChatTemplateException">A marked text was changed after it was marked, so that its position is unknown.</exception>
    internal ChatRendering Checked() => _lost <= 0 ? this
        : throw new ChatTemplateException($"{_lost} of the texts that it marks with {{% generation %}} were changed by a filter or left out afterwards, "
            + "so that it is not known where they stand; put the marks around the final text");

    private static List<TextSpan> Within(IReadOnlyList<TextSpan> spans, int length) =>
        [.. spans.Where(span => span.Start <= length).Select(span => new TextSpan(span.Start, Math.Min(span.End, length)))];

    private static List<(int Start, int End)> Merged(IReadOnlyList<TextSpan> spans)
    {
        var merged = new List<(int Start, int End)>();
        foreach (TextSpan span in spans.Where(span => span.End > span.Start).OrderBy(span => span.Start))
        {
            if (merged.Count > 0 && span.Start <= merged[^1].End) merged[^1] = (merged[^1].Start, Math.Max(merged[^1].End, span.End));
            else merged.Add((span.Start, span.End));
        }
        return merged;
    }
}
