using System.Globalization;
using System.Numerics;
using System.Text;

namespace FineTuning.Text.Jinja;

/// <summary>Values as Python's json.dumps writes them, with the defaults of chat templates.</summary>
internal sealed class JsonPrinting(RenderState state, bool ascii, string? indent, string itemSeparator, string keySeparator, bool sorted)
{
    private readonly StringBuilder _text = new();

    /// <summary>The filter tojson.</summary>
    public static string Filter(RenderState state, object value, Arguments arguments)
    {
        object?[] given = arguments.Bind("tojson", 0, "ensure_ascii", "indent", "separators", "sort_keys");
        string? indent = given[1] switch
        {
            null or NoneValue => null,
            var text when Kinds.Text(text) is { } own => own,
            var number => Spaces(state, Integers.Small(number, "the indent of tojson")),
        };
        (string item, string key) = (indent is null ? ", " : ",", ": ");
        if (given[2] is not (null or NoneValue))
        {
            List<object> pair = Kinds.ToList(state, given[2]!);
            if (pair.Count != 2 || Kinds.Text(pair[0]) is not { } first || Kinds.Text(pair[1]) is not { } second)
                throw new TemplateFault("the separators of tojson are no two strings");
            (item, key) = (first, second);
        }
        var printing = new JsonPrinting(state, given[0] is { } flag && Kinds.IsTrue(flag), indent, item, key, given[3] is { } order && Kinds.IsTrue(order));
        printing.Write(value, 0);
        return printing._text.ToString();
    }

    private static string Spaces(RenderState state, int count)
    {
        state.Budget.Allocate(Math.Max(0, count));
        return new string(' ', Math.Max(0, count));
    }

    private void Write(object value, int level)
    {
        state.Budget.Enter();
        switch (value)
        {
            case NoneValue: _text.Append("null"); break;
            case bool truth: _text.Append(truth ? "true" : "false"); break;
            case long or BigInteger or double: _text.Append(Number(value)); break;
            case string or RichText: WriteText(Kinds.Text(value)!); break;
            case SequenceValue sequence: WriteItems(sequence.Items, item => Write(item, level + 1), '[', ']', level); break;
            case DictValue dictionary: WriteItems(Entries(dictionary), entry => WriteEntry(entry.Key, entry.Value, level), '{', '}', level); break;
            default: throw new TemplateFault($"tojson cannot write a value of kind {Kinds.Of(value)}");
        }
        state.Budget.Allocate(8);
        state.Budget.Leave();
    }

    private static string Number(object value) => value switch
    {
        long number => number.ToString(CultureInfo.InvariantCulture),
        BigInteger number => Integers.Print(number),
        double number when double.IsNaN(number) => "NaN",
        double number when double.IsInfinity(number) => number > 0 ? "Infinity" : "-Infinity",
        _ => Floats.Print((double)value),
    };

    private List<KeyValuePair<object, object>> Entries(DictValue dictionary) =>
        sorted ? Sorting.Sorted(state, [.. dictionary.Entries], entry => entry.Key) : [.. dictionary.Entries];

    private void WriteItems<T>(IReadOnlyCollection<T> items, Action<T> write, char opening, char closing, int level)
    {
        _text.Append(opening);
        bool any = false;
        foreach (T item in items)
        {
            if (any) _text.Append(itemSeparator);
            any = true;
            NewLine(level + 1);
            write(item);
        }
        if (any) NewLine(level);
        _text.Append(closing);
    }

    private void NewLine(int level)
    {
        if (indent is null) return;
        state.Budget.Allocate(1 + ((long)indent.Length * level));
        _text.Append('\n');
        for (int i = 0; i < level; i++) _text.Append(indent);
    }

    private void WriteEntry(object key, object value, int level)
    {
        WriteText(key switch
        {
            NoneValue => "null",
            bool truth => truth ? "true" : "false",
            long or BigInteger or double => Number(key),
            _ => Kinds.Text(key) ?? throw new TemplateFault($"tojson cannot write a key of kind {Kinds.Of(key)}"),
        });
        _text.Append(keySeparator);
        Write(value, level + 1);
    }

    private void WriteText(string content)
    {
        state.Budget.Allocate(content.Length);
        _text.Append('"');
        foreach (char character in content)
        {
            switch (character)
            {
                case '"': _text.Append("\\\""); break;
                case '\\': _text.Append("\\\\"); break;
                case '\n': _text.Append("\\n"); break;
                case '\r': _text.Append("\\r"); break;
                case '\t': _text.Append("\\t"); break;
                case '\b': _text.Append("\\b"); break;
                case '\f': _text.Append("\\f"); break;
                case < ' ': _text.Append(CultureInfo.InvariantCulture, $"\\u{(int)character:x4}"); break;
                case > '\x7F' when ascii: _text.Append(CultureInfo.InvariantCulture, $"\\u{(int)character:x4}"); break;
                default: _text.Append(character); break;
            }
        }
        _text.Append('"');
    }
}
