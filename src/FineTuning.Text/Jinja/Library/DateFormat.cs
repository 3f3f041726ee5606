using System.Globalization;
using System.Text;

namespace FineTuning.Text.Jinja;

/// <summary>strftime_now: the time as the C library writes it in the C locale.</summary>
internal static class DateFormat
{
    public static object Now(RenderState state, Arguments arguments)
    {
        object format = arguments.Bind("strftime_now", 1, "format")[0]!;
        return Format(state, state.Clock.GetLocalNow().DateTime,
            Kinds.Text(format) ?? throw new TemplateFault($"strftime_now() was given a value of kind {Kinds.Of(format)}; a string was expected"));
    }

    private static string Format(RenderState state, DateTime time, string format)
    {
        var text = new StringBuilder();
        for (int i = 0; i < format.Length; i++)
        {
            if (format[i] != '%')
            {
                text.Append(format[i]);
                continue;
            }
            int at = i + 1;
            string flags = "";
            while (at < format.Length && format[at] is '_' or '-' or '0' or '^' or '#') flags += format[at++];
            int width = 0;
            for (; at < format.Length && char.IsAsciiDigit(format[at]); at++) width = (int)Math.Min(int.MaxValue / 2, (width * 10L) + format[at] - '0');
            string? field = at < format.Length ? Field(time, format[at], flags) : null;
            if (field is null)
            {
                // What is no code is copied.
                text.Append('%');
                continue;
            }
            state.Budget.Allocate(Math.Max(width, field.Length));
            char filling = flags.Contains('_', StringComparison.Ordinal)
                || !char.IsAsciiDigit(field.AsSpan().TrimStart().IsEmpty ? ' ' : field.AsSpan().TrimStart()[0]) ? ' ' : '0';
            if (flags.Contains('0', StringComparison.Ordinal)) filling = '0';
            text.Append(flags.Contains('-', StringComparison.Ordinal) ? field : field.PadLeft(width, filling));
            i = at;
        }
        return text.ToString();
    }

    private static string? Field(DateTime time, char code, string flags)
    {
        int hour = ((time.Hour + 11) % 12) + 1, weekday = (int)time.DayOfWeek;
        CultureInfo culture = CultureInfo.InvariantCulture;
        string Inner(string format) => string.Concat(format.Select((character, i) => i % 2 == 0 ? Field(time, character, "")! : character.ToString()));
        string? field = code switch
        {
            'Y' => time.Year.ToString(culture),
            'C' => Number(time.Year / 100, 2, flags),
            'y' => Number(time.Year % 100, 2, flags),
            'm' => Number(time.Month, 2, flags),
            'd' => Number(time.Day, 2, flags),
            'e' => Number(time.Day, 2, flags, ' '),
            'H' => Number(time.Hour, 2, flags),
            'k' => Number(time.Hour, 2, flags, ' '),
            'I' => Number(hour, 2, flags),
            'l' => Number(hour, 2, flags, ' '),
            'M' => Number(time.Minute, 2, flags),
            'S' => Number(time.Second, 2, flags),
            'j' => Number(time.DayOfYear, 3, flags),
            'f' => (time.Ticks / 10 % 1_000_000).ToString("D6", culture),
            'U' => Number((time.DayOfYear + 6 - weekday) / 7, 2, flags),
            'W' => Number((time.DayOfYear + 6 - ((weekday + 6) % 7)) / 7, 2, flags),
            'V' => Number(ISOWeek.GetWeekOfYear(time), 2, flags),
            'G' => ISOWeek.GetYear(time).ToString(culture),
            'g' => Number(ISOWeek.GetYear(time) % 100, 2, flags),
            'w' => weekday.ToString(culture),
            'u' => (weekday == 0 ? 7 : weekday).ToString(culture),
            's' => new DateTimeOffset(time, TimeSpan.Zero).ToUnixTimeSeconds().ToString(culture),
            'p' => time.Hour < 12 ? "AM" : "PM",
            'P' => time.Hour < 12 ? "am" : "pm",
            'A' => time.ToString("dddd", culture),
            'a' => time.ToString("ddd", culture),
            'B' => time.ToString("MMMM", culture),
            'b' or 'h' => time.ToString("MMM", culture),
            'D' or 'x' => Inner("m/d/y"),
            'F' => Inner("Y-m-d"),
            'T' or 'X' => Inner("H:M:S"),
            'R' => Inner("H:M"),
            'r' => Inner("I:M:S p"),
            'c' => Inner("a b e T Y"),
            'Z' or 'z' => "",
            'n' => "\n",
            't' => "\t",
            '%' => "%",
            _ => null,
        };
        if (field is null) return null;
        if (flags.Contains('^', StringComparison.Ordinal)) return field.ToUpperInvariant();
        if (!flags.Contains('#', StringComparison.Ordinal)) return field;
        return code == 'p' ? field.ToLowerInvariant() : field.ToUpperInvariant();
    }

    private static string Number(int value, int digits, string flags, char filling = '0')
    {
        foreach (char flag in flags) filling = flag switch { '_' => ' ', '0' => '0', '-' => '\0', _ => filling };
        string text = value.ToString(CultureInfo.InvariantCulture);
        return filling == '\0' ? text : text.PadLeft(digits, filling);
    }
}
