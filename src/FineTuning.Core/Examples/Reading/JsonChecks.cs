using System.Text.Json;

namespace FineTuning.Examples;

/// <summary>What is valid JSON and still wrong: keys that occur twice, halves of surrogate pairs, objects without keys.</summary>
internal static class JsonChecks
{
    private const string HalfPair = "half a surrogate pair: no valid text";

    /// <summary>Reports it, at any depth; false where the record cannot be read.</summary>
    /// <param name="element">The record.</param>
    /// <param name="line">Its line.</param>
    /// <param name="problems">Told.</param>
    public static bool Report(JsonElement element, int? line, ProblemSink problems)
    {
        if (element.EnumerateObject().Any()) return Check(element, null, line, problems, texts: true);
        problems.Error(line, "an empty object was found: it has no keys at all");
        return false;
    }

    /// <summary>Reports keys that occur twice or are no text, at any depth; false where the object cannot be read.</summary>
    /// <param name="element">Any value.</param>
    /// <param name="line">Its line. Null: not known.</param>
    /// <param name="problems">Told.</param>
    public static bool ReportKeys(JsonElement element, int? line, ProblemSink problems) => Check(element, null, line, problems, texts: false);

    /// <summary>Whether a value that is a string is a text.</summary>
    public static bool IsText(JsonElement value)
    {
        try
        {
            return value.GetString() is not null;
        }
        catch (InvalidOperationException)
        {
            return false;
        }
    }

    private static bool Check(JsonElement element, string? key, int? line, ProblemSink problems, bool texts)
    {
        switch (element.ValueKind)
        {
            case JsonValueKind.String when texts && !IsText(element):
                problems.Error(line, $"'{MessageText.Of(key ?? "")}' holds {HalfPair}");
                return true;
            case JsonValueKind.Array:
                bool readable = true;
                foreach (JsonElement item in element.EnumerateArray()) readable &= Check(item, key, line, problems, texts);
                return readable;
            case JsonValueKind.Object:
                return CheckObject(element, key, line, problems, texts);
            default:
                return true;
        }
    }

    private static bool CheckObject(JsonElement element, string? key, int? line, ProblemSink problems, bool texts)
    {
        var seen = new HashSet<string>(StringComparer.Ordinal);
        bool readable = true;
        foreach (JsonProperty property in element.EnumerateObject())
        {
            string name;
            try
            {
                name = property.Name;
            }
            catch (InvalidOperationException)
            {
                problems.Error(line, $"a key holds {HalfPair}; the record cannot be read");
                return false;
            }
            if (!seen.Add(name)) problems.Error(line, $"the key '{MessageText.Of(name)}' occurs twice; where reading goes on, the last one counts");
            readable &= Check(property.Value, key ?? name, line, problems, texts);
        }
        return readable;
    }
}
