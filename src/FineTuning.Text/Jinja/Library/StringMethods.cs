using System.Collections.Frozen;

namespace FineTuning.Text.Jinja;

/// <summary>A method of texts: the text it belongs to, and what it was given.</summary>
internal delegate object TextMethod(RenderState state, object self, Arguments arguments);

/// <summary>The methods of Python's strings.</summary>
internal static class StringMethods
{
    private static readonly FrozenDictionary<string, TextMethod> Methods = Entries().ToFrozenDictionary(StringComparer.Ordinal);

    /// <summary>A method bound to its text. Null: there is none with that name.</summary>
    public static object? Find(object text, string name) =>
        Methods.TryGetValue(name, out TextMethod? method) ? new FunctionValue($"<method {name} of string>", (state, arguments) =>
        {
            state.Budget.Allocate(Kinds.Text(text)!.Length);
            return method(state, text, arguments);
        }) : null;

    private static Dictionary<string, TextMethod> Entries()
    {
        var methods = new Dictionary<string, TextMethod>(StringComparer.Ordinal)
        {
            ["strip"] = (_, self, arguments) => TextTrimming.Strip(self, TextTrimming.Characters("strip", arguments), true, true),
            ["lstrip"] = (_, self, arguments) => TextTrimming.Strip(self, TextTrimming.Characters("lstrip", arguments), true, false),
            ["rstrip"] = (_, self, arguments) => TextTrimming.Strip(self, TextTrimming.Characters("rstrip", arguments), false, true),
            ["removeprefix"] = (_, self, arguments) => Own(self) is var text && One("removeprefix", arguments) is var part
                && text.StartsWith(part, StringComparison.Ordinal) ? Kinds.Like(self, text[part.Length..]) : self,
            ["removesuffix"] = (_, self, arguments) => Own(self) is var text && One("removesuffix", arguments) is var part
            && text.EndsWith(part, StringComparison.Ordinal) ? Kinds.Like(self, text[..^part.Length]) : self,
            ["upper"] = (_, self, arguments) => Cased("upper", self, arguments, Casing.ToUpper),
            ["lower"] = (_, self, arguments) => Cased("lower", self, arguments, Casing.ToLower),
            ["title"] = (_, self, arguments) => Cased("title", self, arguments, Casing.ToTitle),
            ["capitalize"] = (_, self, arguments) => Cased("capitalize", self, arguments, Casing.Capitalize),
            ["swapcase"] = (_, self, arguments) => Cased("swapcase", self, arguments, Casing.Swapped),
            ["casefold"] = (_, self, arguments) => Cased("casefold", self, arguments, Casing.Folded),
            ["split"] = (state, self, arguments) => TextSplitting.Split(state, self, arguments, fromEnd: false),
            ["rsplit"] = (state, self, arguments) => TextSplitting.Split(state, self, arguments, fromEnd: true),
            ["splitlines"] = (state, self, arguments) => TextSplitting.Lines(state, self, arguments),
            ["partition"] = (_, self, arguments) => TextSplitting.Partition(self, One("partition", arguments), fromEnd: false),
            ["rpartition"] = (_, self, arguments) => TextSplitting.Partition(self, One("rpartition", arguments), fromEnd: true),
            ["join"] = TextSplitting.Join,
            ["replace"] = (state, self, arguments) => TextReplacing.Method(state, self, arguments),
            ["format"] = (state, self, arguments) =>
                Kinds.Like(self, BraceFormat.Apply(state, Own(self), arguments.Positional, name => Named(arguments, name), Kinds.IsSafe(self))),
            ["format_map"] = (state, self, arguments) => arguments.Bind("format_map", 1, "/mapping")[0] is DictValue map
                ? Kinds.Like(self, BraceFormat.Apply(state, Own(self), [], map.Find, Kinds.IsSafe(self)))
                : throw new TemplateFault("format_map() needs a dictionary"),
        };
        foreach ((string name, TextMethod method) in TextSearching.Methods) methods[name] = method;
        foreach ((string name, TextMethod method) in TextPadding.Methods) methods[name] = method;
        foreach ((string name, Func<string, bool> question) in TextQuestions.All)
        {
            methods[name] = (_, self, arguments) =>
            {
                arguments.Bind(name, 0);
                return question(Own(self));
            };
        }
        foreach (string name in new[] { "encode", "translate", "maketrans" })
            methods[name] = (_, _, _) => throw new TemplateFault($"the method {name}() is not supported in chat templates");
        return methods;
    }

    public static string Own(object self) => Kinds.Text(self)!;

    /// <summary>The one text that a method is given.</summary>
    public static string One(string method, Arguments arguments)
    {
        object value = arguments.Bind(method, 1, "/text")[0]!;
        return Kinds.Text(value) ?? throw new TemplateFault($"{method}() was given a value of kind {Kinds.Of(value)}; a string was expected");
    }

    private static object? Named(Arguments arguments, object name)
    {
        foreach ((string key, object value) in arguments.Named)
        {
            if (key == Kinds.Text(name)) return value;
        }
        return null;
    }

    private static object Cased(string name, object self, Arguments arguments, Func<string, string> change)
    {
        arguments.Bind(name, 0);
        return TextTrimming.SameLength(self, change(Own(self)));
    }
}
