namespace FineTuning.Examples;

/// <summary>The records of a JSON file or of JSON lines, whichever it is: a list begins with a bracket.</summary>
internal static class JsonRecords
{
    // White space may stand before the bracket, within reason.
    private const int LongestStart = 4096;

    public static IEnumerable<JsonRow> Read(string path, JsonReadingOptions? options)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(path);
        return Deferred(path, options);
    }

    private static IEnumerable<JsonRow> Deferred(string path, JsonReadingOptions? options)
    {
        IEnumerable<JsonRow> rows = options?.Field is not null || IsList(path) ? JsonFile.Read(path, options) : JsonLines.Read(path, options);
        foreach (JsonRow row in rows) yield return row;
    }

    private static bool IsList(string path)
    {
        using var source = new TextSource(path, null, new ProblemSink(path, null));
        Span<char> start = stackalloc char[LongestStart];
        ReadOnlySpan<char> text = start[..source.Read(start, 1)];
        return text.TrimStart().StartsWith("[");
    }
}
