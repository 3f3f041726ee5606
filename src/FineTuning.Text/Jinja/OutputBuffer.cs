using System.Text;

namespace FineTuning.Text.Jinja;

/// <summary>Text while it is put together, and where generated text stands in it.</summary>
internal sealed class OutputBuffer(Budget budget)
{
    private readonly StringBuilder _text = new();

    public List<TextSpan> Spans { get; } = [];

    public int Length => _text.Length;

    public void Append(string text)
    {
        if (text.Length == 0) return;
        budget.Allocate(text.Length);
        _text.Append(text);
    }

    /// <summary>Appends a text with what it knows of generated text.</summary>
    public void Append(string text, IReadOnlyList<TextSpan> spans)
    {
        int start = _text.Length;
        Append(text);
        foreach (TextSpan span in spans) Spans.Add(new(span.Start + start, span.End + start));
    }

    /// <summary>As a value of the template.</summary>
    public object ToValue() => Spans.Count == 0 ? _text.ToString() : new RichText(_text.ToString(), false, Spans);

    public override string ToString() => _text.ToString();
}
