using System.Text;

namespace FineTuning.Text.Jinja;

/// <summary>replace, as a method and as a filter.</summary>
internal static class TextReplacing
{
    public static object Method(RenderState state, object self, Arguments arguments)
    {
        object?[] given = arguments.Bind("replace", 2, "/old", "/new", "/count");
        bool safe = Kinds.IsSafe(self);
        string Text(object value) =>
            Kinds.Text(value) is null ? throw new TemplateFault($"replace() was given a value of kind {Kinds.Of(value)}; strings were expected")
            : safe ? Html.Escaped(value) : Kinds.Text(value)!;
        int count = given[2] is null ? -1 : Integers.Small(given[2]!, "the count of replace()");
        return Kinds.Like(self, Replace(state, Kinds.Text(self)!, Text(given[0]!), Text(given[1]!), count));
    }

    public static string Replace(RenderState state, string text, string old, string other, int count)
    {
        if (count < 0) count = int.MaxValue;
        if (count == 0) return text;
        var replaced = new StringBuilder();
        if (old.Length == 0) return BetweenAll(state, text, other, count);
        int start = 0;
        for (int at = text.IndexOf(old, StringComparison.Ordinal); at >= 0 && count-- > 0; at = text.IndexOf(old, start, StringComparison.Ordinal))
        {
            state.Budget.Allocate(at - start + other.Length + 1);
            replaced.Append(text, start, at - start).Append(other);
            start = at + old.Length;
        }
        state.Budget.Allocate(replaced.Length);
        return start == 0 && replaced.Length == 0 ? text : replaced.Append(text, start, text.Length - start).ToString();
    }

    private static string BetweenAll(RenderState state, string text, string other, int count)
    {
        var replaced = new StringBuilder();
        int at = 0;
        while (count-- > 0)
        {
            state.Budget.Allocate(other.Length + 2);
            replaced.Append(other);
            if (at >= text.Length) return replaced.ToString();
            int length = CodePoints.LengthAt(text, at);
            replaced.Append(text, at, length);
            at += length;
        }
        return replaced.Append(text, at, text.Length - at).ToString();
    }
}
