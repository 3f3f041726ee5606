namespace FineTuning.Text.Jinja;

/// <summary>find, index, count, startswith and endswith, with positions counted in code points.</summary>
internal static class TextSearching
{
    public static IReadOnlyDictionary<string, TextMethod> Methods { get; } = new Dictionary<string, TextMethod>(StringComparer.Ordinal)
    {
        ["find"] = (_, self, arguments) => Find("find", self, arguments, last: false) ?? -1L,
        ["rfind"] = (_, self, arguments) => Find("rfind", self, arguments, last: true) ?? -1L,
        ["index"] = (_, self, arguments) => Find("index", self, arguments, last: false) ?? throw new TemplateFault("index() did not find the text"),
        ["rindex"] = (_, self, arguments) => Find("rindex", self, arguments, last: true) ?? throw new TemplateFault("rindex() did not find the text"),
        ["count"] = (_, self, arguments) => Count(self, arguments),
        ["startswith"] = (_, self, arguments) => Borders("startswith", self, arguments, (text, part) => text.StartsWith(part, StringComparison.Ordinal)),
        ["endswith"] = (_, self, arguments) => Borders("endswith", self, arguments, (text, part) => text.EndsWith(part, StringComparison.Ordinal)),
    };

    private static long? Find(string method, object self, Arguments arguments, bool last)
    {
        string text = Kinds.Text(self)!;
        object?[] given = arguments.Bind(method, 1, "/sub", "/start", "/end");
        string part = Text(method, given[0]!);
        if (Window(text, given) is not { } window) return null;
        ReadOnlySpan<char> searched = text.AsSpan(window.Start, window.End - window.Start);
        int at = last ? part.Length == 0 ? searched.Length : searched.LastIndexOf(part) : searched.IndexOf(part);
        return at < 0 ? null : CodePoints.Offset(text, window.Start + at);
    }

    private static long Count(object self, Arguments arguments)
    {
        string text = Kinds.Text(self)!;
        object?[] given = arguments.Bind("count", 1, "/sub", "/start", "/end");
        string part = Text("count", given[0]!);
        if (Window(text, given) is not { } window) return 0;
        string searched = text[window.Start..window.End];
        return part.Length == 0 ? CodePoints.Count(searched) + 1L : searched.AsSpan().Count(part);
    }

    private static bool Borders(string method, object self, Arguments arguments, Func<string, string, bool> holds)
    {
        string text = Kinds.Text(self)!;
        object?[] given = arguments.Bind(method, 1, "/prefix", "/start", "/end");
        string[] parts = given[0] is TupleValue tuple ? [.. tuple.Items.Select(item => Text(method, item))] : [Text(method, given[0]!)];
        return Window(text, given) is { } window && parts.Any(part => holds(text[window.Start..window.End], part));
    }

    private static string Text(string method, object value) =>
        Kinds.Text(value) ?? throw new TemplateFault($"{method}() was given a value of kind {Kinds.Of(value)}; a string was expected");

    // null: the window begins behind its end, where nothing is found, not even the empty text.
    private static (int Start, int End)? Window(string text, object?[] given)
    {
        if (given[1] is null && given[2] is null) return (0, text.Length);
        int count = CodePoints.Count(text);
        int Position(object? value, int otherwise)
        {
            if (value is null or NoneValue) return otherwise;
            long position = Integers.Small(value, "a position in a text");
            return (int)Math.Max(0, position < 0 ? position + count : position);
        }
        int start = Position(given[1], 0), end = Math.Min(Position(given[2], count), count);
        return start > end ? null : (CodePoints.Index(text, start), CodePoints.Index(text, end));
    }
}
