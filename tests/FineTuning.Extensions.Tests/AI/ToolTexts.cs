using System.Text.Json.Nodes;
using FineTuning.Examples;
using FineTuning.Heads;
using FineTuning.Testing;
using FineTuning.Text;
using FineTuning.Training;

namespace FineTuning.Extensions.Tests.AI;

/// <summary>A tiny chat model that was taught one call of a tool and two answers.</summary>
internal static class ToolTexts
{
    public const string Call = "<tool_call>{\"name\": \"weather\", \"arguments\": {\"city\": \"Ulm\"}}</tool_call>";

    private const string Template = """
        {%- if tools %}{{- '<|im_start|>system\ntools:' -}}{% for tool in tools %}{{- ' ' + tool.function.name -}}{% endfor %}{{- '<|im_end|>\n' -}}{% endif -%}
        {%- for message in messages -%}
            {{- '<|im_start|>' + message.role + '\n' -}}
            {%- if message.role == 'assistant' -%}
                {%- generation -%}
                {{- message.content or '' -}}
                {%- for call in message.tool_calls or [] -%}{{- '<tool_call>' + ({'name': call.function.name, 'arguments': call.function.arguments} | tojson) + '</tool_call>' -}}{%- endfor -%}
                {{- '<|im_end|>' -}}
                {%- endgeneration -%}
            {%- else -%}{{- (message.content or '') + '<|im_end|>' -}}{%- endif -%}
            {{- '\n' -}}
        {%- endfor -%}
        {%- if add_generation_prompt -%}{{- '<|im_start|>assistant\n' -}}{%- endif -%}
        """;

    /// <summary>The model and its folder; both are the caller's.</summary>
    public static (ChatModel Model, IDisposable Folder) Teach()
    {
        TinyCheckpoint checkpoint = TinyCheckpoint.Chat([Call, "is it warm in Ulm?", "18 degrees", "It is warm in Ulm.", "hello", "Good day to you!", "tools: weather", "system user assistant tool"]);
        File.WriteAllText(Path.Combine(checkpoint.Folder, "chat_template.jinja"), Template);
        ChatTool[] tools = [new("weather", "The weather of a city.", new JsonObject { ["type"] = "object" })];
        var call = new ToolCall("weather", new JsonObject { ["city"] = "Ulm" });
        Conversation[] conversations =
        [
            new([new("user", "hello"), new("assistant", "Good day to you!")]),
            new([new("user", "hello"), new("assistant", "Good day to you!")]) { Tools = tools },
            new([new("user", "is it warm in Ulm?"), new ChatTurn("assistant", "") { ToolCalls = [call] }]) { Tools = tools },
            new([new("user", "is it warm in Ulm?"), new ChatTurn("assistant", "") { ToolCalls = [call] }, new("tool", "18 degrees"), new("assistant", "It is warm in Ulm.")])
                { Tools = tools, PromptTurns = 3 },
        ];
        ChatModel model = Pretrained.ChatModel(checkpoint.Folder);
        FineTuneAssert.OverfitsOneBatch(model, conversations, steps: 250, learningRate: 2e-2);
        return (model, checkpoint);
    }
}
