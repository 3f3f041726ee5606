using System.Buffers;
using System.Text;

namespace FineTuning.Text.Jinja;

/// <summary>split, rsplit, splitlines, partition and join.</summary>
internal static class TextSplitting
{
    public static object Split(RenderState state, object self, Arguments arguments, bool fromEnd)
    {
        object?[] given = arguments.Bind(fromEnd ? "rsplit" : "split", 0, "sep", "maxsplit");
        int limit = given[1] is null ? -1 : Integers.Small(given[1]!, "the limit of split()");
        string text = Kinds.Text(self)!;
        List<string> parts;
        if (given[0] is null or NoneValue)
        {
            parts = fromEnd ? AtSpaceFromEnd(text, limit) : AtSpace(text, limit);
        }
        else
        {
            string separator = Kinds.Text(given[0]!) ?? throw new TemplateFault(
                $"split() was given a value of kind {Kinds.Of(given[0]!)}; a string was expected");
            if (separator.Length == 0) throw new TemplateFault("split() was given an empty separator");
            parts = fromEnd ? AtFromEnd(text, separator, limit) : At(text, separator, limit);
        }
        state.Budget.AllocateList(parts.Count);
        return new ListValue(parts.ConvertAll(part => Kinds.Like(self, part)));
    }

    private static readonly SearchValues<char> LineEnds = SearchValues.Create("\n\r\v\f\u001C\u001D\u001E\u0085\u2028\u2029");

    /// <summary>Lines as Python knows them, which end at more than line feeds.</summary>
    public static List<string> Lines(string text, bool keepEnds)
    {
        var lines = new List<string>();
        for (int start = 0; start < text.Length;)
        {
            int end = text.AsSpan(start).IndexOfAny(LineEnds);
            end = end < 0 ? text.Length : start + end;
            int next = end == text.Length ? end : text[end] == '\r' && end + 1 < text.Length && text[end + 1] == '\n' ? end + 2 : end + 1;
            lines.Add(text[start..(keepEnds ? next : end)]);
            start = next;
        }
        return lines;
    }

    public static object Lines(RenderState state, object self, Arguments arguments)
    {
        bool keepEnds = arguments.Bind("splitlines", 0, "keepends")[0] is { } flag && Kinds.IsTrue(flag);
        List<string> lines = Lines(Kinds.Text(self)!, keepEnds);
        state.Budget.AllocateList(lines.Count);
        return new ListValue(lines.ConvertAll(line => Kinds.Like(self, line)));
    }

    public static object Partition(object self, string separator, bool fromEnd)
    {
        if (separator.Length == 0) throw new TemplateFault("partition() was given an empty separator");
        string text = Kinds.Text(self)!;
        int at = fromEnd ? text.LastIndexOf(separator, StringComparison.Ordinal) : text.IndexOf(separator, StringComparison.Ordinal);
        if (at < 0) return fromEnd ? new TupleValue("", "", self) : new TupleValue(self, "", "");
        return new TupleValue(Kinds.Like(self, text[..at]), Kinds.Like(self, separator), Kinds.Like(self, text[(at + separator.Length)..]));
    }

    public static object Join(RenderState state, object self, Arguments arguments)
    {
        object items = arguments.Bind("join", 1, "/iterable")[0]!;
        bool safe = Kinds.IsSafe(self);
        string separator = Kinds.Text(self)!;
        var text = new StringBuilder();
        bool any = false;
        foreach (object item in Kinds.Iterate(state, items))
        {
            string part = Kinds.Text(item) is { } own ? safe ? Html.Escaped(item) : own
                : safe ? Html.Escape(Printing.Text(state, item))
                : throw new TemplateFault($"join() found a value of kind {Kinds.Of(item)}; strings were expected");
            state.Budget.Allocate(separator.Length + part.Length);
            if (any) text.Append(separator);
            any = true;
            text.Append(part);
        }
        return Kinds.Like(self, text.ToString());
    }

    private static List<string> At(string text, string separator, int limit)
    {
        var parts = new List<string>();
        int start = 0;
        for (int at = text.IndexOf(separator, StringComparison.Ordinal); at >= 0 && limit-- != 0; at = text.IndexOf(separator, start, StringComparison.Ordinal))
        {
            parts.Add(text[start..at]);
            start = at + separator.Length;
        }
        parts.Add(text[start..]);
        return parts;
    }

    private static List<string> AtFromEnd(string text, string separator, int limit)
    {
        var parts = new List<string>();
        int end = text.Length;
        while (limit-- != 0 && text.AsSpan(0, end).LastIndexOf(separator) is var at and >= 0)
        {
            parts.Add(text[(at + separator.Length)..end]);
            end = at;
        }
        parts.Add(text[..end]);
        parts.Reverse();
        return parts;
    }

    private static List<string> AtSpace(string text, int limit)
    {
        var parts = new List<string>();
        int at = WhiteSpace.TrimmedStart(text);
        while (at < text.Length)
        {
            if (limit-- == 0)
            {
                parts.Add(text[at..]);
                break;
            }
            int end = at;
            while (end < text.Length && !WhiteSpace.Is(text[end])) end++;
            parts.Add(text[at..end]);
            at = end + WhiteSpace.TrimmedStart(text.AsSpan(end));
        }
        return parts;
    }

    private static List<string> AtSpaceFromEnd(string text, int limit)
    {
        var parts = new List<string>();
        int end = WhiteSpace.TrimmedEnd(text);
        while (end > 0)
        {
            if (limit-- == 0)
            {
                parts.Add(text[..end]);
                break;
            }
            int start = end;
            while (start > 0 && !WhiteSpace.Is(text[start - 1])) start--;
            parts.Add(text[start..end]);
            end = WhiteSpace.TrimmedEnd(text.AsSpan(0, start));
        }
        parts.Reverse();
        return parts;
    }
}
