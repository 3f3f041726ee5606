using System.Text;

namespace FineTuning.Text.Jinja;

/// <summary>center, ljust, rjust, zfill and expandtabs.</summary>
internal static class TextPadding
{
    public static IReadOnlyDictionary<string, TextMethod> Methods { get; } = new Dictionary<string, TextMethod>(StringComparer.Ordinal)
    {
        ["center"] = (state, self, arguments) => Padded(state, "center", self, arguments, (missing, width) => (missing / 2) + (missing & width & 1)),
        ["ljust"] = (state, self, arguments) => Padded(state, "ljust", self, arguments, (_, _) => 0),
        ["rjust"] = (state, self, arguments) => Padded(state, "rjust", self, arguments, (missing, _) => missing),
        ["zfill"] = ZeroFilled,
        ["expandtabs"] = Expanded,
    };

    private static object Padded(RenderState state, string method, object self, Arguments arguments, Func<int, int, int> left)
    {
        object?[] given = arguments.Bind(method, 1, "/width", "/fillchar");
        string fill = given[1] is null ? " " : Kinds.Text(given[1]!) is { } text && CodePoints.Count(text) == 1 ? text
            : throw new TemplateFault($"{method}() needs one character to fill with");
        return Kinds.Like(self, Pad(state, Kinds.Text(self)!, Integers.Small(given[0]!, "a width"), fill, left));
    }

    public static string Pad(RenderState state, string text, int width, string fill, Func<int, int, int> left)
    {
        int missing = width - CodePoints.Count(text);
        if (missing <= 0) return text;
        state.Budget.Allocate((long)missing * fill.Length);
        int before = left(missing, width);
        return string.Concat(Enumerable.Repeat(fill, before)) + text + string.Concat(Enumerable.Repeat(fill, missing - before));
    }

    private static object ZeroFilled(RenderState state, object self, Arguments arguments)
    {
        string text = Kinds.Text(self)!;
        int missing = Integers.Small(arguments.Bind("zfill", 1, "/width")[0]!, "a width") - CodePoints.Count(text);
        if (missing <= 0) return self;
        state.Budget.Allocate(missing);
        int sign = text.Length > 0 && text[0] is '+' or '-' ? 1 : 0;
        return Kinds.Like(self, text[..sign] + new string('0', missing) + text[sign..]);
    }

    private static object Expanded(RenderState state, object self, Arguments arguments)
    {
        int size = arguments.Bind("expandtabs", 0, "tabsize")[0] is { } given ? Integers.Small(given, "the width of a tab") : 8;
        var text = new StringBuilder();
        int column = 0;
        foreach (string point in CodePoints.Split(Kinds.Text(self)!))
        {
            if (point == "\t")
            {
                int spaces = size > 0 ? size - (column % size) : 0;
                state.Budget.Allocate(spaces);
                text.Append(' ', spaces);
                column += spaces;
                continue;
            }
            text.Append(point);
            column = point is "\n" or "\r" ? 0 : column + 1;
        }
        return Kinds.Like(self, text.ToString());
    }
}
