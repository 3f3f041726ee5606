using System.Globalization;
using System.Text;

namespace FineTuning.Text.Jinja;

/// <summary>'{} of {name}'.format(...), as Python formats; attributes and items go through the same door as everywhere.</summary>
internal sealed class BraceFormat(RenderState state, IReadOnlyList<object> positional, Func<object, object?> named, bool escape)
{
    private int _automatic;
    private bool? _counts;

    public static string Apply(RenderState state, string format, IReadOnlyList<object> positional, Func<object, object?> named, bool escape) =>
        new BraceFormat(state, positional, named, escape).Format(format, 0);

    private string Format(string format, int depth)
    {
        if (depth > 2) throw new TemplateFault("a format is nested too deep");
        var text = new StringBuilder();
        for (int i = 0; i < format.Length; i++)
        {
            char character = format[i];
            if (character is not ('{' or '}'))
            {
                text.Append(character);
                continue;
            }
            if (i + 1 < format.Length && format[i + 1] == character)
            {
                text.Append(format[++i]);
                continue;
            }
            if (character == '}') throw new TemplateFault("a format has a '}' that closes nothing");
            int end = End(format, i + 1);
            string part = Field(format[(i + 1)..end], depth);
            state.Budget.Allocate(part.Length);
            text.Append(part);
            i = end;
        }
        return text.ToString();
    }

    private static int End(string format, int at)
    {
        for (int open = 1; at < format.Length; at++)
        {
            if (format[at] == '{') open++;
            else if (format[at] == '}' && --open == 0) return at;
        }
        throw new TemplateFault("a format has a '{' that is not closed");
    }

    private string Field(string field, int depth)
    {
        string specification = "";
        int colon = field.IndexOf(':', field.IndexOf(']', StringComparison.Ordinal) is >= 0 and var bracket && field.IndexOf(
            '[', StringComparison.Ordinal) < field.IndexOf(':', StringComparison.Ordinal) ? bracket : 0);
        if (colon >= 0) (field, specification) = (field[..colon], Format(field[(colon + 1)..], depth + 1));
        char conversion = '\0';
        if (field.IndexOf('!', StringComparison.Ordinal) is >= 0 and var mark)
        {
            if (mark + 2 != field.Length || field[mark + 1] is not ('r' or 's' or 'a')) throw new TemplateFault("a format has an unknown conversion");
            (conversion, field) = (field[mark + 1], field[..mark]);
        }
        object value = Value(field);
        if (conversion == 's') value = Printing.Text(state, value);
        else if (conversion != '\0') value = Printing.Quoted(state, value);
        string text = BraceSpecification.Apply(state, value, specification);
        return escape && !Kinds.IsSafe(value) ? Html.Escape(text) : text;
    }

    private object Value(string path)
    {
        int end = path.AsSpan().IndexOfAny('.', '[');
        string first = end < 0 ? path : path[..end];
        object value = Root(first);
        for (int at = end < 0 ? path.Length : end; at < path.Length;)
        {
            if (path[at] == '.')
            {
                int next = path.AsSpan(at + 1).IndexOfAny('.', '[') is >= 0 and var length ? at + 1 + length : path.Length;
                value = Lookup.Attribute(value, path[(at + 1)..next]);
                at = next;
            }
            else
            {
                int close = path[at] == '[' ? path.IndexOf(']', at) : -1;
                if (close < 0) throw new TemplateFault("a format has a '[' that is not closed");
                string key = path[(at + 1)..close];
                value = Lookup.Item(value, long.TryParse(key, NumberStyles.None, CultureInfo.InvariantCulture, out long position) ? position : key);
                at = close + 1;
            }
        }
        return value;
    }

    private object Root(string name)
    {
        bool automatic = name.Length == 0;
        if (automatic || int.TryParse(name, NumberStyles.None, CultureInfo.InvariantCulture, out int _))
        {
            if (_counts is { } before && before != automatic) throw new TemplateFault("a format mixes positions with and without numbers");
            _counts = automatic;
            int position = automatic ? _automatic++ : int.Parse(name, NumberStyles.None, CultureInfo.InvariantCulture);
            return position < positional.Count ? positional[position] : throw new TemplateFault("fewer values were given than the format has positions for");
        }
        return named(name) ?? throw new TemplateFault($"the format asks for '{name}', which was not given");
    }
}
