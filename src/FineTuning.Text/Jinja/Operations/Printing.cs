using System.Globalization;
using System.Numerics;
using System.Text;

namespace FineTuning.Text.Jinja;

/// <summary>Values as Python's str and repr print them.</summary>
internal static class Printing
{
    public static string Text(RenderState state, object value)
    {
        switch (value)
        {
            case string text: return text;
            case RichText text: return text.Text;
            case UndefinedValue: return "";
            case long number: return number.ToString(CultureInfo.InvariantCulture);
            default:
                var printed = new StringBuilder();
                Append(state, printed, value, []);
                return printed.ToString();
        }
    }

    /// <summary>As inside a container: texts in quotes.</summary>
    public static string Quoted(RenderState state, object value)
    {
        var text = new StringBuilder();
        Append(state, text, value, []);
        return text.ToString();
    }

    private static void Append(RenderState state, StringBuilder text, object value, HashSet<object> open)
    {
        state.Budget.Enter();
        int before = text.Length;
        switch (value)
        {
            case NoneValue: text.Append("None"); break;
            case bool truth: text.Append(truth ? "True" : "False"); break;
            case long number: text.Append(CultureInfo.InvariantCulture, $"{number}"); break;
            case BigInteger number: text.Append(Integers.Print(number)); break;
            case double number: text.Append(Floats.Print(number)); break;
            case string content: AppendQuoted(state, text, content); break;
            case RichText { Safe: true } content:
                text.Append("Markup(");
                AppendQuoted(state, text, content.Text);
                text.Append(')');
                break;
            case RichText content: AppendQuoted(state, text, content.Text); break;
            case UndefinedValue: text.Append("Undefined"); break;
            case RangeValue range:
                text.Append("range(").Append(Integers.Print(range.Start)).Append(", ").Append(Integers.Print(range.Stop));
                if (!range.Step.IsOne) text.Append(", ").Append(Integers.Print(range.Step));
                text.Append(')');
                break;
            case CallableValue callable: text.Append(callable.Description); break;
            case LoopValue loop: text.Append(loop); break;
            case SequenceValue or DictValue or DictView or NamespaceValue: AppendContainer(state, text, value, open); break;
            default: text.Append('<').Append(Kinds.Of(value)).Append('>'); break;
        }
        state.Budget.Allocate(Math.Min(text.Length - before, 64));
        state.Budget.Leave();
    }

    private static void AppendContainer(RenderState state, StringBuilder text, object value, HashSet<object> open)
    {
        if (!open.Add(value))
        {
            text.Append(value switch { ListValue => "[...]", TupleValue => "(...)", DictValue => "{...}", NamespaceValue => "<Namespace {...}>", _ => "..." });
            return;
        }
        switch (value)
        {
            case ListValue list:
                AppendItems(state, text, list.Items, "[", "]", open);
                break;
            case TupleValue tuple:
                AppendItems(state, text, tuple.Items, "(", tuple.Items.Count == 1 ? ",)" : ")", open);
                break;
            case DictView view:
                AppendItems(state, text, view.Items, $"dict_{view.Name}([", "])", open);
                break;
            case DictValue dictionary:
                AppendEntries(state, text, dictionary.Entries, open);
                break;
            default:
                text.Append("<Namespace ");
                AppendEntries(state, text, ((NamespaceValue)value).Attributes.Select(entry => new KeyValuePair<object, object>(entry.Key, entry.Value)), open);
                text.Append('>');
                break;
        }
        open.Remove(value);
    }

    private static void AppendItems(RenderState state, StringBuilder text, IEnumerable<object> items, string opening, string closing, HashSet<object> open)
    {
        text.Append(opening);
        bool any = false;
        foreach (object item in items)
        {
            if (any) text.Append(", ");
            any = true;
            Append(state, text, item, open);
        }
        text.Append(closing);
    }

    private static void AppendEntries(RenderState state, StringBuilder text, IEnumerable<KeyValuePair<object, object>> entries, HashSet<object> open)
    {
        text.Append('{');
        bool any = false;
        foreach ((object key, object value) in entries)
        {
            if (any) text.Append(", ");
            any = true;
            Append(state, text, key, open);
            text.Append(": ");
            Append(state, text, value, open);
        }
        text.Append('}');
    }

    private static void AppendQuoted(RenderState state, StringBuilder text, string content)
    {
        state.Budget.Allocate(content.Length);
        char quote = content.Contains('\'', StringComparison.Ordinal) && !content.Contains('"', StringComparison.Ordinal) ? '"' : '\'';
        text.Append(quote);
        for (int i = 0; i < content.Length; i++)
        {
            char character = content[i];
            int length = CodePoints.LengthAt(content, i), point = length == 2 ? char.ConvertToUtf32(character, content[i + 1]) : character;
            switch (character)
            {
                case '\n': text.Append("\\n"); break;
                case '\r': text.Append("\\r"); break;
                case '\t': text.Append("\\t"); break;
                case '\\': text.Append("\\\\"); break;
                case var same when same == quote: text.Append('\\').Append(same); break;
                case >= ' ' and < (char)0x7F: text.Append(character); break;
                case var _ when IsPrintable(point): text.Append(content, i, length); break;
                default: text.Append(point <= 0xFF ? $"\\x{point:x2}" : point <= 0xFFFF ? $"\\u{point:x4}" : $"\\U{point:x8}"); break;
            }
            i += length - 1;
        }
        text.Append(quote);
    }

    /// <summary>Whether Python prints a code point as it is.</summary>
    public static bool IsPrintable(int point) =>
        point == ' ' || CharUnicodeInfo.GetUnicodeCategory(point) is not (UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.Surrogate
        or UnicodeCategory.PrivateUse or UnicodeCategory.OtherNotAssigned or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator
            or UnicodeCategory.SpaceSeparator);
}
