using System.Globalization;
using System.Numerics;
using System.Text.Json;
using FineTuning.Text.Jinja;

namespace FineTuning.Tests.Chat;

/// <summary>Values of the chat-template goldens: JSON, and what JSON cannot carry.</summary>
internal static class GoldenValues
{
    public static readonly JsonDocumentOptions Deep = new() { MaxDepth = 100_000 };

    public static IEnumerable<JsonElement> Lines(string path)
    {
        foreach (string line in File.ReadAllText(path).Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            using JsonDocument json = JsonDocument.Parse(line, Deep);
            yield return json.RootElement.Clone();
        }
    }

    public static object Of(JsonElement element)
    {
        switch (element.ValueKind)
        {
            case JsonValueKind.Null: return NoneValue.Instance;
            case JsonValueKind.True: return true;
            case JsonValueKind.False: return false;
            case JsonValueKind.String: return Text(element);
            case JsonValueKind.Number:
                string raw = element.GetRawText();
                return raw.AsSpan().ContainsAny('.', 'e', 'E') ? double.Parse(raw, CultureInfo.InvariantCulture) : Integers.Of(BigInteger.Parse(raw, CultureInfo.InvariantCulture));
            case JsonValueKind.Array: return new ListValue([.. element.EnumerateArray().Select(Of)]);
            default: return OfObject(element);
        }
    }

    public static Dictionary<string, object> Variables(JsonElement element) => element.EnumerateObject().ToDictionary(entry => entry.Name, entry => Of(entry.Value));

    /// <summary>A string, or an object that says which texts to repeat.</summary>
    public static string Repeated(JsonElement element) => element.ValueKind == JsonValueKind.String ? Text(element)
        : string.Concat(element.GetProperty("$repeat").EnumerateArray().Select(part => string.Concat(Enumerable.Repeat(part[0].GetString(), part[1].GetInt32()))));

    /// <summary>Whether a hostile case can be put through the public surface: values that only a program could make have no way there, nor is 'messages' a variable.</summary>
    public static bool IsPublic(JsonElement test) =>
        !test.TryGetProperty("context", out JsonElement context) || !(context.TryGetProperty("messages", out _) || context.GetRawText().Contains("\"$", StringComparison.Ordinal));

    // JSON may hold half a surrogate pair, which GetString refuses.
    private static string Text(JsonElement element)
    {
        try
        {
            return element.GetString()!;
        }
        catch (InvalidOperationException)
        {
            return System.Text.RegularExpressions.Regex.Unescape(element.GetRawText()[1..^1].Replace("\\/", "/").Replace("\\\"", "\""));
        }
    }

    private static object OfObject(JsonElement element)
    {
        if (element.EnumerateObject().Count() == 1)
        {
            JsonProperty only = element.EnumerateObject().First();
            switch (only.Name)
            {
                case "$float": return only.Value.GetString() switch { "NaN" => double.NaN, "Infinity" => double.PositiveInfinity, _ => double.NegativeInfinity };
                case "$tuple": return new TupleValue([.. only.Value.EnumerateArray().Select(Of)]);
                case "$dict":
                    var dictionary = new DictValue();
                    foreach (JsonElement pair in only.Value.EnumerateArray()) dictionary.With(Of(pair[0]), Of(pair[1]));
                    return dictionary;
                case "$repeat": return Repeated(element);
                case "$nested":
                    object nested = 0L;
                    for (int i = 0; i < only.Value[1].GetInt32(); i++) nested = only.Value[0].GetString() == "list" ? new ListValue([nested]) : new DictValue().With("k", nested);
                    return nested;
                case "$messages":
                    return new ListValue([.. Enumerable.Range(0, only.Value.GetInt32()).Select(i => (object)new DictValue().With("role", i % 2 == 0 ? "user" : "assistant").With("content", $"Message number {i} says hello."))]);
            }
        }
        var value = new DictValue();
        foreach (JsonProperty entry in element.EnumerateObject()) value.With(entry.Name, Of(entry.Value));
        return value;
    }
}

/// <summary>A clock that stands still.</summary>
internal sealed class FixedClock(DateTimeOffset time) : TimeProvider
{
    public override TimeZoneInfo LocalTimeZone => TimeZoneInfo.Utc;

    public override DateTimeOffset GetUtcNow() => time;

    public static FixedClock Of(string root)
    {
        using JsonDocument manifest = JsonDocument.Parse(File.ReadAllText(Path.Combine(root, "manifest.json")));
        return new(DateTimeOffset.Parse(manifest.RootElement.GetProperty("clock").GetString()!, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal));
    }
}
