using System.Text.Json;
using System.Text.Json.Nodes;
using FineTuning.Text;

namespace FineTuning.Examples;

/// <summary>Messages of a record as turns: OpenAI's (role, content) and ShareGPT's (from, value), which may stand beside each other.</summary>
internal static class MessageList
{
    private const string Assistant = "assistant", User = "user", System = "system";

    private static readonly string[] Roles = [System, "developer", User, Assistant, "tool", "function", "ipython"];

    private static readonly Dictionary<string, string> Speakers = new(StringComparer.Ordinal)
    {
        ["human"] = User,
        [User] = User,
        ["gpt"] = Assistant,
        [Assistant] = Assistant,
        ["chatgpt"] = Assistant,
        ["bing"] = Assistant,
        ["bard"] = Assistant,
        [System] = System,
        ["function_call"] = Assistant,
        ["observation"] = "tool",
        ["tool"] = "tool",
    };

    /// <summary>The turns of a list of messages.</summary>
    /// <param name="messages">The list.</param>
    /// <param name="key">Its key, for messages.</param>
    /// <exception cref="RecordFault">It is no list, or a message cannot be used.</exception>
    public static List<ChatTurn> Read(JsonElement messages, string key)
    {
        if (messages.ValueKind != JsonValueKind.Array) throw new RecordFault($"'{key}' is {JsonRow.Kind(messages)}; a list of messages was expected");
        var turns = new List<ChatTurn>(messages.GetArrayLength());
        foreach (JsonElement message in messages.EnumerateArray()) turns.Add(Turn(message, $"message {turns.Count + 1}"));
        return turns;
    }

    /// <summary>One message.</summary>
    /// <param name="message">The message.</param>
    /// <param name="name">What it is called in messages.</param>
    /// <exception cref="RecordFault">It cannot be used.</exception>
    public static ChatTurn Turn(JsonElement message, string name)
    {
        if (message.ValueKind != JsonValueKind.Object)
            throw new RecordFault($"{name} is {JsonRow.Kind(message)}; an object with role and content was expected");
        ChatTurn turn = message.TryGetProperty("from", out JsonElement from) && !message.TryGetProperty("role", out _)
            ? ShareGpt(message, from, name)
            : OpenAi(message, name);
        bool mayBeEmpty = turn.Role is System or "developer" or "tool" or "function" or "ipython" || turn.ToolCalls.Count > 0;
        if (turn.Content is { Length: 0 } && !mayBeEmpty) throw new RecordFault($"{name}: the content is empty");
        return turn;
    }

    private static ChatTurn OpenAi(JsonElement message, string name)
    {
        if (!message.TryGetProperty("role", out JsonElement role)) throw new RecordFault($"{name}: no 'role'; keys found: {Keys(message)}");
        string speaker = RecordValues.TextOf(role, $"{name}: the role");
        if (!Roles.Contains(speaker))
        {
            string near = NameDistance.Nearest(speaker, Roles) is { } nearest ? $"nearest: {nearest}" : $"known: {string.Join(", ", Roles)}";
            throw new RecordFault($"{name}: unknown role '{RecordValues.Quoted(speaker)}'; {near}");
        }
        bool calls = message.TryGetProperty("tool_calls", out JsonElement list) && list.ValueKind == JsonValueKind.Array && list.GetArrayLength() > 0;
        if (!message.TryGetProperty("content", out JsonElement content))
        {
            if (!calls) throw new RecordFault($"{name}: no 'content'; keys found: {Keys(message)}");
            return ChatTurn.FromJson(message);
        }
        switch (content.ValueKind)
        {
            case JsonValueKind.Null when calls:
                return ChatTurn.FromJson(message);
            case JsonValueKind.Null:
                throw new RecordFault($"{name}: content is null and there are no tool_calls");
            case JsonValueKind.Array:
                return ChatTurn.FromJson(message) with { Content = Joined(content, name) };
            default:
                _ = RecordValues.TextOf(content, $"{name}: content");
                return ChatTurn.FromJson(message);
        }
    }

    private static ChatTurn ShareGpt(JsonElement message, JsonElement from, string name)
    {
        string speaker = RecordValues.TextOf(from, $"{name}: 'from'");
        if (!Speakers.TryGetValue(speaker, out string? role))
        {
            throw new RecordFault($"{name}: unknown speaker '{RecordValues.Quoted(speaker)}'; known: {string.Join(", ", Speakers.Keys)}");
        }
        if (!message.TryGetProperty("value", out JsonElement value)) throw new RecordFault($"{name}: no 'value'; keys found: {Keys(message)}");
        var turn = new ChatTurn(role, RecordValues.TextOf(value, $"{name}: 'value'"));
        foreach (JsonProperty other in message.EnumerateObject())
        {
            if (other.Name is not ("from" or "value" or "role" or "content")) turn = turn.With(other.Name, Node(other.Value));
        }
        return turn;
    }

    /// <summary>The text of content in parts. LLaMA-Factory writes 'value' where others write 'text'.</summary>
    private static string Joined(JsonElement parts, string name)
    {
        var texts = new List<string>();
        foreach (JsonElement part in parts.EnumerateArray())
        {
            if (part.ValueKind != JsonValueKind.Object)
                throw new RecordFault($"{name}: a part of the content is {JsonRow.Kind(part)}; an object with type and text was expected");
            string type = part.TryGetProperty("type", out JsonElement given) ? RecordValues.TextOf(given, $"{name}: the type of a part") : "text";
            if (type != "text") throw new RecordFault($"{name}: a part of type '{RecordValues.Quoted(type)}'; only text is supported");
            JsonElement text = part.Optional("text") ?? part.Optional("value") ?? throw new RecordFault($"{name}: a part of the content has no 'text'");
            texts.Add(RecordValues.TextOf(text, $"{name}: the text of a part"));
        }
        return string.Concat(texts);
    }

    private static JsonNode? Node(JsonElement value) => JsonNode.Parse(value.GetRawText(), documentOptions: new JsonDocumentOptions { MaxDepth = 1000 });

    private static string Keys(JsonElement message) => string.Join(", ", message.EnumerateObject().Select(pair => pair.Name));
}
