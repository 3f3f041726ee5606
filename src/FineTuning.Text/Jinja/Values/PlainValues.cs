namespace FineTuning.Text.Jinja;

// A value of a template is one of a closed set of types, and nothing else ever enters the interpreter: bool, long or BigInteger (an integer), double,
// string or RichText (a text), and the classes of this folder. There is no reflection anywhere, so a template reaches what is written here and no more.

/// <summary>Python's None.</summary>
internal sealed class NoneValue
{
    private NoneValue()
    {
    }

    public static NoneValue Instance { get; } = new();
}

/// <summary>What a name stands for that nothing defines: prints as nothing, fails when used further.</summary>
internal sealed class UndefinedValue(string problem)
{
    /// <summary>What is said when it is used.</summary>
    public string Problem { get; } = problem;

    public TemplateFault Fault() => new(Problem);

    public static UndefinedValue Name(string name) => new($"'{name}' is undefined");

    public static UndefinedValue Unsafe(object owner, string name) => new($"access to attribute '{name}' of '{Kinds.Of(owner)}' is not allowed");
}

/// <summary>A text that is marked as safe for HTML, or that knows where generated text stands in it.</summary>
internal sealed class RichText(string text, bool safe, IReadOnlyList<TextSpan>? spans = null)
{
    public string Text { get; } = text;

    /// <summary>Whether joining it with other text escapes the other (the filter <c>safe</c>).</summary>
    public bool Safe { get; } = safe;

    public IReadOnlyList<TextSpan> Spans { get; } = spans ?? [];
}

/// <summary>A stretch of UTF-16 units, from the first to behind the last.</summary>
internal readonly record struct TextSpan(int Start, int End);

/// <summary>Something went wrong while a template was read or rendered; where, is added on the way out.</summary>
internal sealed class TemplateFault(string message, bool isRefusal = false, int? line = null) : Exception(message)
{
    public bool IsRefusal { get; } = isRefusal;

    public int? Line { get; } = line;
}
