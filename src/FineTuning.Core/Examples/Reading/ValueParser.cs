using System.Globalization;

namespace FineTuning.Examples;

/// <summary>Texts of a data file as typed values; nothing is guessed.</summary>
internal static class ValueParser
{
    /// <summary>The value, or false with what was expected.</summary>
    public static bool TryParse<T>(string text, out T value, out string expected)
        where T : notnull
    {
        object? parsed = Parse(typeof(T), text, out expected);
        value = parsed is null ? default! : (T)parsed;
        return parsed is not null;
    }

    private static object? Parse(Type type, string text, out string expected)
    {
        CultureInfo culture = CultureInfo.InvariantCulture;
        expected = "a whole number that fits";
        if (type.IsEnum) return Enumerated(type, text, out expected);
        switch (Type.GetTypeCode(type))
        {
            case TypeCode.String:
                expected = "a text";
                return text;
            case TypeCode.Boolean:
                expected = "true, false, 1 or 0";
                return text is "1" || text.Equals("true", StringComparison.OrdinalIgnoreCase) ? true
                    : text is "0" || text.Equals("false", StringComparison.OrdinalIgnoreCase) ? false : null;
            case TypeCode.Byte:
                return byte.TryParse(text, NumberStyles.AllowLeadingSign, culture, out byte b) ? b : null;
            case TypeCode.Int16:
                return short.TryParse(text, NumberStyles.AllowLeadingSign, culture, out short s) ? s : null;
            case TypeCode.Int32:
                return int.TryParse(text, NumberStyles.AllowLeadingSign, culture, out int i) ? i : null;
            case TypeCode.Int64:
                return long.TryParse(text, NumberStyles.AllowLeadingSign, culture, out long l) ? l : null;
            case TypeCode.Single:
                expected = "a finite number with a point";
                return float.TryParse(text, NumberStyles.Float, culture, out float f) && float.IsFinite(f) ? f : null;
            case TypeCode.Double:
                expected = "a finite number with a point";
                return double.TryParse(text, NumberStyles.Float, culture, out double d) && double.IsFinite(d) ? d : null;
            default:
                throw new ArgumentException($"values of the type {type.Name} cannot be read; an enum, string, bool or number can");
        }
    }

    // Numbers in a label column mean something else than an enum's values more often than not, so names only.
    private static object? Enumerated(Type type, string text, out string expected)
    {
        string[] names = Enum.GetNames(type);
        expected = $"one of {string.Join(", ", names)}";
        string? name = Array.Find(names, name => name.Equals(text, StringComparison.Ordinal))
            ?? Array.Find(names, name => name.Equals(text, StringComparison.OrdinalIgnoreCase));
        return name is null ? null : Enum.Parse(type, name);
    }
}
