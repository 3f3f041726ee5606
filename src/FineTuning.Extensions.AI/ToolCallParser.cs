using System.Text.Json;
using Microsoft.Extensions.AI;

namespace FineTuning.Extensions.AI;

/// <summary>Finds calls of tools in what a model wrote. What is not a call of a tool that was given, in a form that is known, stays text.</summary>
internal sealed class ToolCallParser(IReadOnlySet<string> tools, ToolCallForms forms)
{
    private const string Begin = "<tool_call>", End = "</tool_call>";

    /// <summary>The text as contents: texts and calls in their order.</summary>
    public IList<AIContent> Parse(string text)
    {
        if (tools.Count > 0 && Whole(text) is { } calls) return [.. calls];
        var contents = new List<AIContent>();
        int done = 0;
        for (int begin; tools.Count > 0 && forms.HasFlag(ToolCallForms.Tags) && (begin = text.IndexOf(Begin, done, StringComparison.Ordinal)) >= 0;)
        {
            int start = begin + Begin.Length, end = text.IndexOf(End, start, StringComparison.Ordinal);
            // The tag's end may be a special token, or the end of the text.
            int stop = end < 0 ? text.Length : end;
            if (Single(text[start..stop]) is not { } call) break;
            AddText(contents, text[done..begin]);
            contents.Add(call);
            done = end < 0 ? stop : end + End.Length;
        }
        AddText(contents, text[done..]);
        return contents;
    }

    /// <summary>How much of a text that is still written can no longer become part of a call.</summary>
    public int Settled(string text)
    {
        if (tools.Count == 0 || forms == ToolCallForms.None) return text.Length;
        char first = text.AsSpan().TrimStart() is { Length: > 0 } rest ? rest[0] : ' ';
        if ((first == ' ' && text.Length > 0) || (first == '[' && forms.HasFlag(ToolCallForms.Array)) || (first == '{' && forms.HasFlag(ToolCallForms.Object)))
            return 0;
        if (!forms.HasFlag(ToolCallForms.Tags)) return text.Length;
        int begin = text.IndexOf(Begin, StringComparison.Ordinal);
        if (begin >= 0) return begin;
        for (int length = Math.Min(Begin.Length - 1, text.Length); length > 0; length--)
        {
            if (text.EndsWith(Begin[..length], StringComparison.Ordinal)) return text.Length - length;
        }
        return text.Length;
    }

    private List<FunctionCallContent>? Whole(string text)
    {
        string trimmed = text.Trim();
        if (trimmed.StartsWith('{') && forms.HasFlag(ToolCallForms.Object)) return Single(trimmed) is { } call ? [call] : null;
        if (!trimmed.StartsWith('[') || !forms.HasFlag(ToolCallForms.Array) || Read(trimmed) is not { ValueKind: JsonValueKind.Array } array) return null;
        FunctionCallContent?[] calls = [.. array.EnumerateArray().Select(CallOf)];
        return calls.Length > 0 && calls.All(one => one is not null) ? [.. calls.OfType<FunctionCallContent>()] : null;
    }

    private FunctionCallContent? Single(string text) => Read(text) is { } element ? CallOf(element) : null;

    private FunctionCallContent? CallOf(JsonElement call)
    {
        if (call.ValueKind != JsonValueKind.Object || !call.TryGetProperty("name", out JsonElement name) || name.ValueKind != JsonValueKind.String) return null;
        if (name.GetString() is not { } tool || !tools.Contains(tool)) return null;
        if (!call.TryGetProperty("arguments", out JsonElement given) && !call.TryGetProperty("parameters", out given)) return null;
        if (given.ValueKind != JsonValueKind.Object) return null;
        string id = call.TryGetProperty("id", out JsonElement own) && own.ValueKind == JsonValueKind.String ? own.GetString()!
            : Guid.NewGuid().ToString("N")[..9];
        return new(id, tool, given.EnumerateObject().ToDictionary(argument => argument.Name, argument =>
            (object?)argument.Value.Clone(), StringComparer.Ordinal));
    }

    private static JsonElement? Read(string text)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(text, new JsonDocumentOptions { MaxDepth = 64, AllowDuplicateProperties = false });
            return document.RootElement.Clone();
        }
        catch (JsonException)
        {
            return null;
        }
    }

    private static void AddText(List<AIContent> contents, string text)
    {
        // White space around calls belongs to the form.
        if (text.Length > 0 && (contents.Count == 0 || !string.IsNullOrWhiteSpace(text))) contents.Add(new TextContent(text));
    }
}
