using System.Text.Json;
using System.Text.Json.Nodes;
using FineTuning.Errors;
using FineTuning.Generation;
using FineTuning.Text;
using Microsoft.Extensions.AI;
using TemplateOptions = FineTuning.Text.ChatOptions;

namespace FineTuning.Extensions.AI;

/// <summary>Messages and options of Microsoft.Extensions.AI as a model takes them. What it cannot do is refused, all at once.</summary>
internal sealed class ChatRequest
{
    private ChatRequest(IReadOnlyList<ChatTurn> turns, GenerationOptions options, TemplateOptions template, IReadOnlySet<string> tools) =>
        (Turns, Options, Template, Tools) = (turns, options, template, tools);

    public IReadOnlyList<ChatTurn> Turns { get; }

    public GenerationOptions Options { get; }

    public TemplateOptions Template { get; }

    /// <summary>The names of the tools that the model may call.</summary>
    public IReadOnlySet<string> Tools { get; }

    /// <exception cref="InvalidOptionsException">Options ask for what the model cannot do.</exception>
    /// <exception cref="ArgumentException">A message holds what is no text, call or result.</exception>
    public static ChatRequest Of(IEnumerable<ChatMessage> messages, Microsoft.Extensions.AI.ChatOptions? options, IChatClient client)
    {
        ArgumentNullException.ThrowIfNull(messages);
        var turns = new List<ChatTurn>();
        if (!string.IsNullOrEmpty(options?.Instructions)) turns.Add(new("system", options.Instructions));
        foreach (ChatMessage message in messages) turns.AddRange(TurnsOf(message ?? throw new ArgumentException("a message is null", nameof(messages))));
        var violations = new List<string>();
        ChatTool[] tools = options?.ToolMode is NoneChatToolMode ? [] : [.. (options?.Tools ?? []).Select(tool => ToolOf(tool, violations)).OfType<ChatTool>()];
        GenerationOptions generation = options is null ? new() : OptionsOf(options, client, violations);
        if (violations.Count > 0) throw new InvalidOptionsException(violations);
        return new(turns, generation, new() { Tools = tools.Length == 0 ? null : tools },
            tools.Length == 0 ? new HashSet<string>() : options!.Tools!.Select(tool => tool.Name).ToHashSet(StringComparer.Ordinal));
    }

    private static GenerationOptions OptionsOf(Microsoft.Extensions.AI.ChatOptions options, IChatClient client, List<string> violations)
    {
        const string Instead = "it is not supported; RepetitionPenalty of GenerationOptions is (RawRepresentationFactory)";
        if (options.FrequencyPenalty is not (null or 0)) violations.Add($"FrequencyPenalty is set: {Instead}");
        if (options.PresencePenalty is not (null or 0)) violations.Add($"PresencePenalty is set: {Instead}");
        if (options.ResponseFormat is not (null or ChatResponseFormatText))
            violations.Add("ResponseFormat asks for JSON: answers are text; tune the model to write JSON, and parse it");
        if (options.ToolMode is RequiredChatToolMode) violations.Add("ToolMode requires a call: the model decides; Auto and None are supported");
        if (options.ConversationId is not null) violations.Add("ConversationId is set: conversations are not kept; give all messages");
        GenerationOptions given = options.RawRepresentationFactory?.Invoke(client) as GenerationOptions ?? new();
        bool draws = options.Temperature > 0 || (options.Temperature is null && (options.TopP is not null || options.TopK is not null));
        return given with
        {
            MaxNewTokens = options.MaxOutputTokens ?? given.MaxNewTokens,
            DoSample = options.Temperature == 0 ? false : draws ? true : given.DoSample,
            Temperature = options.Temperature > 0 ? Exact(options.Temperature) : given.Temperature,
            TopP = Exact(options.TopP) ?? given.TopP,
            TopK = options.TopK ?? given.TopK,
            Seed = options.Seed ?? given.Seed,
            StopStrings = options.StopSequences is { Count: > 0 } stops ? [.. stops] : given.StopStrings,
        };
    }

    // 0.9 in single precision is not 0.9.
    private static double? Exact(float? number) => number is { } value ? (double)(decimal)value : null;

    private static ChatTool? ToolOf(AITool tool, List<string> violations)
    {
        if (tool is AIFunctionDeclaration function && JsonObject.Create(function.JsonSchema) is { } schema)
            return new(function.Name, function.Description, schema);
        violations.Add($"the tool '{tool.Name}' is a {tool.GetType().Name}: functions with a JSON schema are supported");
        return null;
    }

    private static IEnumerable<ChatTurn> TurnsOf(ChatMessage message)
    {
        var text = new List<string>();
        var thoughts = new List<string>();
        var calls = new List<ToolCall>();
        var results = new List<ChatTurn>();
        foreach (AIContent content in message.Contents)
        {
            switch (content)
            {
                case TextContent plain:
                    text.Add(plain.Text);
                    break;
                case TextReasoningContent thought:
                    thoughts.Add(thought.Text);
                    break;
                case FunctionCallContent call:
                    calls.Add(new(call.Name, JsonSerializer.SerializeToNode(call.Arguments ?? new Dictionary<string, object?>()) as JsonObject ?? [],
                        call.CallId));
                    break;
                case FunctionResultContent result:
                    results.Add(new("tool", TextOf(result)) { ToolCallId = result.CallId });
                    break;
                case UsageContent:
                    break;
                default:
                    throw new ArgumentException(
                        $"a message holds a {content.GetType().Name}: texts, thoughts, calls of functions and their results are supported", nameof(message));
            }
        }
        if (text.Count + thoughts.Count + calls.Count > 0 || results.Count == 0)
        {
            var turn = new ChatTurn(message.Role.Value, text.Count == 0 && calls.Count > 0 ? null : string.Concat(text));
            if (message.AuthorName is not null) turn = turn with { Name = message.AuthorName };
            if (thoughts.Count > 0) turn = turn with { Reasoning = string.Concat(thoughts) };
            if (calls.Count > 0) turn = turn with { ToolCalls = calls };
            yield return turn;
        }
        foreach (ChatTurn result in results) yield return result;
    }

    private static string TextOf(FunctionResultContent result) => result.Exception is { } failure ? $"error: {failure.Message}" : result.Result switch
    {
        null => "",
        string text => text,
        JsonElement { ValueKind: JsonValueKind.String } element => element.GetString()!,
        { } value => JsonSerializer.Serialize(value),
    };
}
