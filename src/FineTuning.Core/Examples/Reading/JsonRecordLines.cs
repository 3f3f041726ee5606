using System.Text.Json;

namespace FineTuning.Examples;

/// <summary>On which lines the entries of a list stand, so that a message about one can name it.</summary>
internal static class JsonRecordLines
{
    /// <summary>The line of each entry, from 1; empty where the list is not found.</summary>
    /// <param name="json">Valid JSON in UTF-8.</param>
    /// <param name="field">The key of the list. Null: the whole is the list.</param>
    /// <param name="deepest">The deepest nesting.</param>
    /// <remarks>Where the value is an object of lists, those of its first list.</remarks>
    public static List<int> Of(ReadOnlySpan<byte> json, string? field, int deepest)
    {
        var lines = new List<int>();
        var reader = new Utf8JsonReader(json, new JsonReaderOptions { MaxDepth = deepest });
        if (!reader.Read() || (field is not null && !TryFind(ref reader, field))) return lines;
        if (reader.TokenType == JsonTokenType.StartObject && reader.Read() && reader.TokenType == JsonTokenType.PropertyName) reader.Read();
        if (reader.TokenType != JsonTokenType.StartArray) return lines;
        (int line, int counted) = (1, 0);
        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
        {
            int start = (int)reader.TokenStartIndex;
            line += Ends(json[counted..start]);
            counted = start;
            lines.Add(line);
            reader.Skip();
        }
        return lines;
    }

    // The last of equal keys counts, as it does for the values.
    private static bool TryFind(ref Utf8JsonReader reader, string field)
    {
        if (reader.TokenType != JsonTokenType.StartObject) return false;
        Utf8JsonReader found = default;
        bool any = false;
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            bool matches = reader.ValueTextEquals(field);
            reader.Read();
            if (matches) found = reader;
            any |= matches;
            reader.Skip();
        }
        if (any) reader = found;
        return any;
    }

    private static int Ends(ReadOnlySpan<byte> text)
    {
        int ends = 0;
        for (int i = 0; i < text.Length; i++)
        {
            if (text[i] == '\n' || (text[i] == '\r' && (i + 1 == text.Length || text[i + 1] != '\n'))) ends++;
        }
        return ends;
    }
}
