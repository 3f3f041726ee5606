namespace FineTuning.Text.Jinja;

/// <summary>strip, lstrip and rstrip; they keep what a text knows of generated text.</summary>
internal static class TextTrimming
{
    public static string? Characters(string method, Arguments arguments)
    {
        object? given = arguments.Bind(method, 0, "/chars")[0];
        return given is null or NoneValue ? null : Kinds.Text(given)
            ?? throw new TemplateFault($"{method}() was given a value of kind {Kinds.Of(given)}; a string was expected");
    }

    /// <summary>Without the characters at its ends. Null: white space.</summary>
    public static object Strip(object self, string? characters, bool atStart, bool atEnd)
    {
        string text = Kinds.Text(self)!;
        int start = 0, end = text.Length;
        HashSet<object>? set = characters is null ? null : [.. CodePoints.Split(characters)];
        while (atStart && start < end && Length(text, start, set) is var length and > 0) start += length;
        while (atEnd && end > start)
        {
            int last = end > 1 && char.IsSurrogatePair(text[end - 2], text[end - 1]) ? end - 2 : end - 1;
            if (last < start || Length(text, last, set) == 0) break;
            end = last;
        }
        if (start == 0 && end == text.Length) return self;
        string kept = text[start..end];
        if (self is not RichText rich) return kept;
        TextSpan[] spans = [.. rich.Spans.Select(span => new TextSpan(Math.Clamp(span.Start, start, end) - start, Math.Clamp(span.End, start, end) - start))];
        return rich.Safe || spans.Length > 0 ? new RichText(kept, rich.Safe, spans) : kept;
    }

    /// <summary>A changed text, which still knows where generated text stands if it is as long as it was.</summary>
    public static object SameLength(object self, string changed) => self is not RichText rich ? changed
        : rich.Spans.Count > 0 && changed.Length == rich.Text.Length ? new RichText(changed, rich.Safe, rich.Spans)
        : Kinds.Like(self, changed);

    private static int Length(string text, int index, HashSet<object>? set)
    {
        if (set is null) return WhiteSpace.Is(text[index]) ? 1 : 0;
        int length = CodePoints.LengthAt(text, index);
        return set.Contains(text.Substring(index, length)) ? length : 0;
    }
}
