using System.Text.Json.Nodes;
using FineTuning.Tests.Chat;
using FineTuning.Text;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace FineTuning.Tests.Documentation;

/// <summary>The code of docs/chat.md.</summary>
public sealed class ChatTests : IDisposable
{
    private const string Template = "{{ bos_token }}{% for tool in tools or [] %}{{ tool | tojson }}\n{% endfor %}{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content or '' }}{% for c in m.tool_calls or [] %}{{ c.function | tojson }}{% endfor %}<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}";

    private readonly string checkpoint = Directory.CreateTempSubdirectory().FullName;

    public ChatTests() => TinyChat.Tokenizer(Template, new Dictionary<string, string> { ["bos_token"] = "<s>", ["eos_token"] = "<|im_end|>" }).Save(checkpoint);

    public void Dispose() => Directory.Delete(checkpoint, recursive: true);

    [Fact]
    public void Encoding()
    {
        // snippet: chat-encoding
        PretrainedTokenizer tokenizer = PretrainedTokenizer.Load(checkpoint);
        ChatTurn[] turns =
        [
            new("system", "You are terse."),
            new("user", "Name a river."),
            new("assistant", "Danube"),
        ];

        EncodedChat chat = tokenizer.EncodeChat(turns);
        int[] ids = chat.Ids;
        bool[] learned = chat.LossMask;             // Danube and the end token behind it
        string xray = chat.Explain();               // a line a token; ExplainHtml() is a page in colour
        // end
        Assert.Equal(ids.Length, learned.Length);
        Assert.Equal("Danube<|im_end|>", TinyChat.TextOf(chat, learned: true));
        Assert.Contains("learned", xray);
    }

    [Fact]
    public void Rendering()
    {
        // snippet: chat-rendering
        ChatTemplate template = ChatTemplate.Load(checkpoint);
        ChatRendering prompt = template.Render([new("user", "Name a river.")], new ChatOptions { AddGenerationPrompt = true });
        ChatRendering started = template.Render([new("user", "Name a river."), new("assistant", "The ")], new ChatOptions { ContinueFinalMessage = true });
        string text = prompt.Text;
        // end
        Assert.EndsWith("<|im_start|>assistant\n", text);
        Assert.EndsWith("<|im_start|>assistant\nThe ", started.Text);
    }

    [Fact]
    public void Tools()
    {
        ChatTemplate template = ChatTemplate.Load(checkpoint);
        // snippet: chat-tools
        var schema = new JsonObject
        {
            ["type"] = "object",
            ["properties"] = new JsonObject { ["city"] = new JsonObject { ["type"] = "string" } },
            ["required"] = new JsonArray("city"),
        };
        var options = new ChatOptions
        {
            Tools = [new ChatTool("get_weather", "The weather of a city.", schema)],
            Variables = new Dictionary<string, JsonNode?> { ["enable_thinking"] = false },
        };
        ChatTurn[] turns =
        [
            new("user", "Weather in Oslo?"),
            new("assistant", null) { Reasoning = "I must look.", ToolCalls = [new ToolCall("get_weather", new JsonObject { ["city"] = "Oslo" }, "call_1")] },
            new("tool", "3 °C") { ToolCallId = "call_1", Name = "get_weather" },
            new("assistant", "Cold: 3 °C."),
        ];
        ChatRendering rendering = template.Render(turns, options);
        // end
        Assert.Contains("\"required\": [\"city\"]", rendering.Text);
        Assert.Contains("{\"name\": \"get_weather\", \"arguments\": {\"city\": \"Oslo\"}}<|im_end|>", rendering.Text);
    }

    [Fact]
    public void Json()
    {
        PretrainedTokenizer tokenizer = PretrainedTokenizer.Load(checkpoint);
        ILogger logger = NullLogger.Instance;
        // snippet: chat-json
        string line = """[{"role": "user", "content": "Name a river."}, {"role": "assistant", "content": "Danube"}]""";
        EncodedChat chat = tokenizer.EncodeChat(ChatTurn.ListFromJson(line), new ChatOptions { MaximumLength = 2048, Logger = logger });
        IReadOnlyList<string> problems = chat.Problems;     // empty: nothing was noticed
        // end
        Assert.Empty(problems);
    }

    [Fact]
    public void Marks()
    {
        PretrainedTokenizer tokenizer = PretrainedTokenizer.Load(checkpoint);
        ChatTurn[] turns = [new("user", "Name a river."), new("assistant", "Danube")];
        // snippet: chat-marks
        string marked = """
            {%- for message in messages -%}
                {{- '<|im_start|>' + message.role + '\n' -}}
                {%- if message.role == 'assistant' -%}
                    {% generation %}{{ message.content + '<|im_end|>' }}{% endgeneration %}
                {%- else -%}
                    {{- message.content + '<|im_end|>' -}}
                {%- endif -%}
                {{- '\n' -}}
            {%- endfor -%}
            """;
        PretrainedTokenizer training = tokenizer.WithChatTemplate(marked);
        EncodedChat chat = training.EncodeChat(turns);
        // end
        Assert.Equal(AnswerSource.GenerationMarks, chat.Source);
        Assert.Equal("Danube<|im_end|>", TinyChat.TextOf(chat, learned: true));
    }
}
