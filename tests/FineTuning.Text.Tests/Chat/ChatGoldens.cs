using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using FineTuning.Text;
using FineTuning.Text.Jinja;

namespace FineTuning.Tests.Chat;

/// <summary>The inputs of the chat-template goldens by name, and their rows as calls of the public surface.</summary>
internal sealed class ChatGoldens
{
    private readonly Dictionary<string, JsonElement> _conversations, _tools, _documents, _tokens, _templates;
    private readonly string _root;
    private readonly FixedClock _clock;
    private readonly Dictionary<string, ChatTemplate> _parsed = [];

    private ChatGoldens(string root)
    {
        _root = root;
        _clock = FixedClock.Of(root);
        (_conversations, _tools, _documents) = (Named("conversations.json"), Named("tools.json"), Named("documents.json"));
        (_tokens, _templates) = (Named("tokens.json"), Named("templates.json"));
    }

    public static ChatGoldens Require() => new(Goldens.Require("chat-templates"));

    public string Root => _root;

    public FixedClock Clock => _clock;

    public IEnumerable<string> Conversations => _conversations.Keys;

    public IEnumerable<string> Templates => _templates.Keys.Where(name => TextOf(name) is not null);

    public IEnumerable<JsonElement> Rows(string file) => GoldenValues.Lines(Path.Combine(_root, file));

    /// <summary>A template's text; null where it is one of shared/, which is not beside this checkout.</summary>
    public string? TextOf(string name)
    {
        string? path = _templates[name].GetProperty("source").GetString() == "own" ? Path.Combine(_root, "templates", name + ".jinja")
            : Goldens.Shared is { } shared ? Path.Combine(shared, "chat-templates", name + ".jinja") : null;
        return path is not null && File.Exists(path) ? Encoding.UTF8.GetString(File.ReadAllBytes(path)) : null;
    }

    public bool IsMarked(string name) => _templates[name].GetProperty("generation").GetBoolean();

    public bool IsPublished(string name) => _templates[name].GetProperty("source").GetString() == "shared";

    public ChatTemplate? Template(string name)
    {
        if (_parsed.TryGetValue(name, out ChatTemplate? known)) return known;
        return TextOf(name) is { } text ? _parsed[name] = ChatTemplate.Parse(text, Tokens(_templates[name].GetProperty("tokens").GetString()!)) : null;
    }

    public IReadOnlyDictionary<string, string> TokensOf(string template) => Tokens(_templates[template].GetProperty("tokens").GetString()!);

    public IReadOnlyList<ChatTurn> Conversation(string name) => [.. _conversations[name].EnumerateArray().Select(Turn)];

    public IReadOnlyList<ChatTool> Tools(string name) => [.. _tools[name].EnumerateArray().Select(tool => Odd(tool) ? new ChatTool((DictValue)GoldenValues.Of(tool)) : ChatTool.FromJson(tool))];

    public IReadOnlyList<ChatDocument> Documents(string name) => [.. _documents[name].EnumerateArray().Select(ChatDocument.FromJson)];

    /// <summary>A row's rendering.</summary>
    public ChatRendering Render(ChatTemplate template, JsonElement row)
    {
        var options = new ChatOptions { Clock = _clock };
        if (row.TryGetProperty("options", out JsonElement given))
        {
            foreach (JsonProperty option in given.EnumerateObject())
            {
                if (option.Name == "tokens") template = template.WithSpecialTokens(Tokens(option.Value.GetString()!));
                else options = With(options, option);
            }
        }
        return template.Render(Conversation(row.GetProperty("conversation").GetString()!), options);
    }

    private ChatOptions With(ChatOptions options, JsonProperty option) => option.Name switch
    {
        "add_generation_prompt" => options with { AddGenerationPrompt = option.Value.GetBoolean() },
        "continue_final_message" => option.Value.ValueKind == JsonValueKind.True ? options with { ContinueFinalMessage = true }
            : options with { ContinueFinalMessage = true, ContinuedField = option.Value.GetString()! },
        "tools" => options with { Tools = Tools(option.Value.GetString()!) },
        "documents" => options with { Documents = Documents(option.Value.GetString()!) },
        "kwargs" => options with { Variables = JsonObject.Create(option.Value)!.ToDictionary(entry => entry.Key, entry => entry.Value) },
        _ => throw new NotSupportedException($"option {option.Name}"),
    };

    private static ChatTurn Turn(JsonElement message) => Odd(message) ? new ChatTurn((DictValue)GoldenValues.Of(message)) : ChatTurn.FromJson(message);

    // What JSON cannot carry has no way through the public surface.
    private static bool Odd(JsonElement element) => element.GetRawText().Contains("{\"$", StringComparison.Ordinal);

    private Dictionary<string, string> Tokens(string name) => _tokens[name].EnumerateObject().ToDictionary(entry => entry.Name, entry => entry.Value.GetString()!);

    private Dictionary<string, JsonElement> Named(string file)
    {
        using JsonDocument document = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(_root, file)), GoldenValues.Deep);
        return document.RootElement.EnumerateObject().ToDictionary(entry => entry.Name, entry => entry.Value.Clone());
    }
}
