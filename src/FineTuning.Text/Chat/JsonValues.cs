using System.Globalization;
using System.Numerics;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using FineTuning.Errors;
using FineTuning.Text.Jinja;

namespace FineTuning.Text;

/// <summary>JSON as values of a template, and back. A number is floating-point exactly if it is written with a point or an exponent.</summary>
internal static class JsonValues
{
    private const int Deepest = 1000;
    private const int MostDigits = 4300;

    /// <exception cref="ChatTemplateException">It is nested too deeply, or holds an integer that is too large.</exception>
    public static object Of(JsonElement element, int depth = 0)
    {
        CheckDepth(depth);
        switch (element.ValueKind)
        {
            case JsonValueKind.Array: return new ListValue([.. element.EnumerateArray().Select(item => Of(item, depth + 1))]);
            case JsonValueKind.Object:
                var value = new DictValue();
                foreach (JsonProperty entry in element.EnumerateObject()) value.With(NameOf(entry), Of(entry.Value, depth + 1));
                return value;
            case JsonValueKind.String: return TextOf(element);
            case JsonValueKind.Number: return Number(element.GetRawText());
            case JsonValueKind.True: return true;
            case JsonValueKind.False: return false;
            default: return NoneValue.Instance;
        }
    }

    /// <inheritdoc cref="Of(JsonElement, int)"/>
    public static object Of(JsonNode? node, int depth = 0)
    {
        CheckDepth(depth);
        switch (node)
        {
            case null: return NoneValue.Instance;
            case JsonArray items: return new ListValue([.. items.Select(item => Of(item, depth + 1))]);
            case JsonObject entries:
                var value = new DictValue();
                foreach ((string name, JsonNode? entry) in entries) value.With(name, Of(entry, depth + 1));
                return value;
            default: return OfScalar(node.AsValue());
        }
    }

    /// <summary>A value that came from JSON.</summary>
    public static JsonNode? ToNode(object value) => value switch
    {
        NoneValue => null,
        bool truth => JsonValue.Create(truth),
        // As text, so that it converts to whatever number type it fits into.
        long number => JsonNode.Parse(number.ToString(CultureInfo.InvariantCulture)),
        BigInteger number => JsonNode.Parse(number.ToString(CultureInfo.InvariantCulture)),
        // As text, so that 1.0 stays a floating-point number; NaN has no text and stays a number that JSON cannot hold.
        double number => double.IsFinite(number) ? JsonNode.Parse(Floats.Print(number)) : JsonValue.Create(number),
        SequenceValue sequence => new JsonArray([.. sequence.Items.Select(ToNode)]),
        DictValue dictionary => ToObject(dictionary),
        _ => JsonValue.Create(Kinds.Text(value) ?? throw new InvalidOperationException($"a {Kinds.Of(value)} is no JSON")),
    };

    public static JsonObject ToObject(DictValue dictionary)
    {
        var node = new JsonObject();
        foreach ((object key, object value) in dictionary.Entries) node[Kinds.Text(key)!] = ToNode(value);
        return node;
    }

    /// <summary>A copy in which one entry has another value, at its position or at the end. Null: it is left out.</summary>
    public static DictValue Changed(DictValue dictionary, string key, object? value)
    {
        var copy = new DictValue();
        foreach ((object name, object entry) in dictionary.Entries)
        {
            if (!key.Equals(name)) copy.With(name, entry);
            else if (value is not null) copy.With(name, value);
        }
        if (value is not null && dictionary.Find(key) is null) copy.With(key, value);
        return copy;
    }

    private static object OfScalar(JsonValue value)
    {
        if (value.TryGetValue(out JsonElement element)) return Of(element);
        if (value.TryGetValue(out object? held))
        {
            switch (held)
            {
                case string text: return text;
                case bool truth: return truth;
                case double number: return number;
                case float number: return double.Parse(number.ToString("R", CultureInfo.InvariantCulture), CultureInfo.InvariantCulture);
                case char letter: return letter.ToString();
            }
        }
        using JsonDocument document = JsonDocument.Parse(value.ToJsonString());
        return Of(document.RootElement);
    }

    private static object Number(string text)
    {
        if (text.AsSpan().ContainsAny('.', 'e', 'E')) return double.Parse(text, CultureInfo.InvariantCulture);
        return text.Length <= MostDigits ? Integers.Of(BigInteger.Parse(text, CultureInfo.InvariantCulture))
            : throw new ChatTemplateException($"an integer has {text.Length:N0} digits; at most {MostDigits:N0} are allowed");
    }

    private static void CheckDepth(int depth)
    {
        if (depth > Deepest || !System.Runtime.CompilerServices.RuntimeHelpers.TryEnsureSufficientExecutionStack())
        {
            throw new ChatTemplateException($"a JSON value is nested deeper than {Deepest}");
        }
    }

    private static string TextOf(JsonElement element)
    {
        try
        {
            return element.GetString()!;
        }
        catch (InvalidOperationException)
        {
            return Unescaped(element.GetRawText().AsSpan()[1..^1]);
        }
    }

    private static string NameOf(JsonProperty entry)
    {
        try
        {
            return entry.Name;
        }
        catch (InvalidOperationException)
        {
            throw new ChatTemplateException("the name of a JSON entry holds half a surrogate pair");
        }
    }

    // JSON can spell half a surrogate pair, which GetString refuses; the tokenizer reads it as U+FFFD.
    private static string Unescaped(ReadOnlySpan<char> raw)
    {
        var text = new StringBuilder(raw.Length);
        for (int i = 0; i < raw.Length; i++)
        {
            if (raw[i] != '\\')
            {
                text.Append(raw[i]);
                continue;
            }
            char code = raw[++i];
            if (code == 'u')
            {
                text.Append((char)ushort.Parse(raw.Slice(i + 1, 4), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture));
                i += 4;
                continue;
            }
            text.Append(code switch { 'n' => '\n', 't' => '\t', 'r' => '\r', 'b' => '\b', 'f' => '\f', _ => code });
        }
        return text.ToString();
    }
}
