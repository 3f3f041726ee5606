using System.Text;

namespace FineTuning.Text.Jinja;

/// <summary>Filters that make texts of whatever they are given.</summary>
internal static class TextFilters
{
    public static IReadOnlyDictionary<string, TemplateFilter> All { get; } = new Dictionary<string, TemplateFilter>(StringComparer.Ordinal)
    {
        ["tojson"] = (state, value, arguments) => JsonPrinting.Filter(state, value, arguments),
        ["string"] = (state, value, arguments) => Plain("string", state, value, arguments),
        ["upper"] = (state, value, arguments) => Cased("upper", state, value, arguments, Casing.ToUpper),
        ["lower"] = (state, value, arguments) => Cased("lower", state, value, arguments, Casing.ToLower),
        ["capitalize"] = (state, value, arguments) => Cased("capitalize", state, value, arguments, Casing.Capitalize),
        ["title"] = (state, value, arguments) => Title(Kinds.Text(Plain("title", state, value, arguments))!),
        ["trim"] = (state, value, arguments) => TextTrimming.Strip(Soft(state, value), TextTrimming.Characters("trim", Renamed(arguments)), true, true),
        ["replace"] = Replace,
        ["safe"] = (state, value, arguments) => new RichText(Kinds.Text(Plain("safe", state, value, arguments))!, true),
        ["escape"] = Escape,
        ["e"] = Escape,
        ["forceescape"] = (state, value, arguments) => new RichText(Html.Escape(Kinds.Text(Plain("forceescape", state, value, arguments))!), true),
        ["indent"] = Indent,
        ["center"] = Center,
        ["wordcount"] = (state, value, arguments) => WordCount(Kinds.Text(Plain("wordcount", state, value, arguments))!),
        ["truncate"] = Truncate,
        ["format"] = (state, value, arguments) => Format(state, value, arguments),
    };

    /// <summary>A value as text; a safe text stays safe.</summary>
    public static object Soft(RenderState state, object value) => value is RichText ? value : Printing.Text(state, value);

    private static object Plain(string name, RenderState state, object value, Arguments arguments)
    {
        arguments.Bind(name, 0);
        return Soft(state, value);
    }

    private static Arguments Renamed(Arguments arguments) =>
        new(arguments.Positional, [.. arguments.Named.Select(entry => entry.Key == "chars" ? new("/chars", entry.Value) : entry)]);

    private static object Cased(string name, RenderState state, object value, Arguments arguments, Func<string, string> change)
    {
        object text = Plain(name, state, value, arguments);
        state.Budget.Allocate(Kinds.Text(text)!.Length);
        return TextTrimming.SameLength(text, change(Kinds.Text(text)!));
    }

    // Words begin behind white space, hyphens and opening brackets, and nowhere else: "it's" has one.
    private static string Title(string text)
    {
        var title = new StringBuilder(text.Length);
        int start = 0;
        for (int i = 0; i <= text.Length; i++)
        {
            if (i < text.Length && !WhiteSpace.Is(text[i]) && !"-({[<".Contains(text[i], StringComparison.Ordinal)) continue;
            if (i > start)
            {
                int first = CodePoints.LengthAt(text, start);
                title.Append(Casing.ToUpper(text.Substring(start, first))).Append(Casing.ToLower(text[(start + first)..i]));
            }
            if (i < text.Length) title.Append(text[i]);
            start = i + 1;
        }
        return title.ToString();
    }

    private static string Replace(RenderState state, object value, Arguments arguments)
    {
        object?[] given = arguments.Bind("replace", 2, "old", "new", "count");
        int count = given[2] is null or NoneValue ? -1 : Integers.Small(given[2]!, "the count of replace");
        return TextReplacing.Replace(state, Printing.Text(state, value), Printing.Text(state, given[0]!), Printing.Text(state, given[1]!), count);
    }

    private static object Escape(RenderState state, object value, Arguments arguments)
    {
        object text = Plain("escape", state, value, arguments);
        return Kinds.IsSafe(text) ? text : new RichText(Html.Escape(Kinds.Text(text)!), true);
    }

    private static object Indent(RenderState state, object value, Arguments arguments)
    {
        object?[] given = arguments.Bind("indent", 0, "width", "first", "blank");
        object width = given[0] ?? 4L;
        string indentation = Kinds.Text(width) ?? Spaces(state, Integers.Small(width, "the width of indent"));
        bool first = given[1] is { } one && Kinds.IsTrue(one), blank = given[2] is { } all && Kinds.IsTrue(all);
        if (value is UndefinedValue undefined) throw undefined.Fault();
        if (Kinds.Text(value) is null) throw new TemplateFault($"indent was given a value of kind {Kinds.Of(value)}; a text was expected");
        object source = Soft(state, value);
        List<string> lines = TextSplitting.Lines(Kinds.Text(source)! + "\n", keepEnds: false);
        var text = new StringBuilder();
        for (int i = 0; i < lines.Count; i++)
        {
            if (i > 0) text.Append('\n');
            bool indented = i == 0 ? first : blank || lines[i].Length > 0;
            state.Budget.Allocate(lines[i].Length + (indented ? indentation.Length : 0) + 1L);
            if (indented) text.Append(indentation);
            text.Append(lines[i]);
        }
        return Kinds.Like(source, text.ToString());
    }

    private static string Spaces(RenderState state, int count)
    {
        state.Budget.Allocate(Math.Max(0, count));
        return new string(' ', Math.Max(0, count));
    }

    private static object Center(RenderState state, object value, Arguments arguments)
    {
        int width = arguments.Bind("center", 0, "width")[0] is { } given ? Integers.Small(given, "the width of center") : 80;
        object text = Soft(state, value);
        return Kinds.Like(text, TextPadding.Pad(state, Kinds.Text(text)!, width, " ", (missing, all) => (missing / 2) + (missing & all & 1)));
    }

    private static long WordCount(string text)
    {
        long count = 0;
        bool inside = false;
        foreach (Rune rune in text.EnumerateRunes())
        {
            bool word = rune.Value == '_' || Rune.IsLetterOrDigit(rune) || Rune.GetNumericValue(rune) >= 0;
            if (word && !inside) count++;
            inside = word;
        }
        return count;
    }

    private static object Truncate(RenderState state, object value, Arguments arguments)
    {
        object?[] given = arguments.Bind("truncate", 0, "length", "killwords", "end", "leeway");
        int length = given[0] is { } wanted ? Integers.Small(wanted, "the length of truncate") : 255;
        int leeway = given[3] is null or NoneValue ? 5 : Integers.Small(given[3]!, "the leeway of truncate");
        if (value is not UndefinedValue && Kinds.Text(value) is null)
            throw new TemplateFault($"truncate was given a value of kind {Kinds.Of(value)}; a text was expected");
        string text = Printing.Text(state, value), end = given[2] is { } mark ? Printing.Text(state, mark) : "...";
        int endLength = CodePoints.Count(end);
        if (length < endLength) throw new TemplateFault($"truncate to {length} characters leaves no room for '{end}'");
        if (leeway < 0) throw new TemplateFault($"truncate with a leeway of {leeway}; 0 or more was expected");
        if (CodePoints.Count(text) <= (long)length + leeway) return value is UndefinedValue ? "" : value;
        string kept = text[..CodePoints.Index(text, length - endLength)];
        if (given[1] is not { } kill || !Kinds.IsTrue(kill))
        {
            int space = kept.LastIndexOf(' ');
            if (space >= 0) kept = kept[..space];
        }
        return kept + end;
    }

    private static object Format(RenderState state, object value, Arguments arguments)
    {
        if (arguments.Positional.Count > 0 && arguments.Named.Count > 0) throw new TemplateFault("format takes arguments by position or by name, not both");
        object text = Soft(state, value);
        object values = new TupleValue(arguments.Positional);
        if (arguments.Named.Count > 0)
        {
            var named = new DictValue();
            foreach ((string name, object entry) in arguments.Named) named.With(name, entry);
            values = named;
        }
        return Kinds.Like(text, PercentFormat.Apply(state, Kinds.Text(text)!, values, Kinds.IsSafe(text)));
    }
}
