using System.Text.Json;
using System.Text.Json.Nodes;
using FineTuning.Errors;
using FineTuning.Text;
using Xunit;

namespace FineTuning.Tests.Chat;

/// <summary>Messages from and to JSON, and by their properties.</summary>
public sealed class ChatTurnTests
{
    private static readonly ChatTemplate Printing = ChatTemplate.Parse("{% for m in messages %}{{ m | tojson }}\n{% endfor %}");

    [Fact]
    public void Every_message_of_the_goldens_comes_back_from_json()
    {
        using JsonDocument document = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(Goldens.Require("chat-templates"), "conversations.json")));
        int compared = 0;
        foreach (JsonElement message in document.RootElement.EnumerateObject().SelectMany(conversation => conversation.Value.EnumerateArray()).Where(message => !message.GetRawText().Contains("{\"$", StringComparison.Ordinal)))
        {
            compared++;
            ChatTurn turn = ChatTurn.FromJson(message);
            Assert.True(JsonNode.DeepEquals(JsonNode.Parse(message.GetRawText()), turn.ToJson()), turn.ToString());
            Assert.Equal(message.EnumerateObject().Select(entry => entry.Name), turn.ToJson().Select(entry => entry.Key));
            ChatTurn again = Assert.Single(ChatTurn.ListFromJson($"[{turn}]"));
            Assert.Equal(turn, again);
            Assert.Equal(turn.GetHashCode(), again.GetHashCode());
            Assert.Equal(Printing.Render([turn]).Text, Printing.Render([again]).Text);
        }
        Assert.True(compared > 0);
    }

    [Fact]
    public void Properties_are_the_fields()
    {
        var turn = new ChatTurn("assistant", null)
        {
            Reasoning = "Look it up.",
            ToolCalls = [new ToolCall("get_weather", new JsonObject { ["city"] = "Oslo", ["days"] = 1, ["share"] = 1.0 }, "call_1")],
        };
        Assert.Equal("{\"thinking\": \"Look it up.\", \"role\": \"assistant\", \"reasoning_content\": \"Look it up.\", \"tool_calls\": [{\"type\": \"function\", \"function\": {\"name\": \"get_weather\", \"arguments\": {\"city\": \"Oslo\", \"days\": 1, \"share\": 1.0}}, \"id\": \"call_1\"}]}\n",
            Printing.Render([turn]).Text);
        ToolCall call = Assert.Single(turn.ToolCalls);
        Assert.Equal(("get_weather", "call_1", "Oslo"), (call.Name, call.Id, (string?)call.Arguments!["city"]));
        Assert.Equal(("assistant", null, "Look it up."), (turn.Role, turn.Content, turn.Reasoning));

        ChatTurn answer = new ChatTurn("tool", "3 °C") { ToolCallId = "call_1", Name = "get_weather" };
        Assert.Equal(("call_1", "get_weather", "3 °C"), (answer.ToolCallId, answer.Name, answer.Content));
        Assert.Equal("{\"role\":\"tool\",\"content\":\"3 °C\",\"tool_call_id\":\"call_1\",\"name\":\"get_weather\"}", answer.ToString());

        ChatTurn changed = answer with { Content = "4 °C", Name = null };
        Assert.Equal(("{\"role\":\"tool\",\"content\":\"4 °C\",\"tool_call_id\":\"call_1\"}", "3 °C"), (changed.ToString(), answer.Content));
        Assert.NotEqual(answer, changed);
        Assert.Equal(answer, changed with { Content = "3 °C", Name = "get_weather" });
    }

    [Fact]
    public void Parts_and_fields_of_ones_own_go_through()
    {
        ChatTurn turn = new ChatTurn("user", null).With("content", new JsonArray(new JsonObject { ["type"] = "text", ["text"] = "Hi" })).With("weight", 0);
        Assert.Equal(("[{\"type\":\"text\",\"text\":\"Hi\"}]", 0), (turn["content"]!.ToJsonString(), (int)turn["weight"]!));
        Assert.Null(turn.Content);
        Assert.Null(turn["nothing"]);
        Assert.Equal("{\"role\": \"user\", \"content\": [{\"type\": \"text\", \"text\": \"Hi\"}], \"weight\": 0}\n", Printing.Render([turn]).Text);
    }

    [Fact]
    public void Json_values_keep_their_kind()
    {
        ChatTemplate template = ChatTemplate.Parse("{{ [a, b, c, d, e, f, g, h, i] }}");
        var variables = new Dictionary<string, JsonNode?>
        {
            ["a"] = 1, ["b"] = 1.0, ["c"] = 0.1f, ["d"] = true, ["e"] = null, ["f"] = JsonNode.Parse("1e2"), ["g"] = JsonNode.Parse("100000000000000000000"), ["h"] = "x", ["i"] = 12.50m,
        };
        Assert.Equal("[1, 1.0, 0.1, True, None, 100.0, 100000000000000000000, 'x', 12.5]", template.Render([new("user", "")], new ChatOptions { Variables = variables }).Text);
    }

    [Fact]
    public void Hostile_json_is_refused_or_read()
    {
        Assert.Throws<TrainingDataException>(() => ChatTurn.ListFromJson("{}"));
        Assert.Throws<TrainingDataException>(() => ChatTurn.ListFromJson("[1]"));
        Assert.Throws<TrainingDataException>(() => ChatTurn.ListFromJson("[{"));
        Assert.Throws<TrainingDataException>(() => ChatTurn.ListFromJson(new string('[', 100_000)));
        Assert.Throws<ChatTemplateException>(() => ChatTurn.ListFromJson($"[{{\"content\":{new string('9', 5000)}}}]"));
        JsonNode deep = new JsonArray();
        for (int i = 0; i < 5000; i++) deep = new JsonArray(deep);
        Assert.Throws<ChatTemplateException>(() => new ChatTurn("user", "").With("x", deep));
        Assert.Equal("a\uD800\n\"/é", ChatTurn.ListFromJson("[{\"role\":\"user\",\"content\":\"a\\ud800\\n\\\"\\/\\u00e9\"}]")[0].Content);
        Assert.Throws<TrainingDataException>(() => ChatTurn.ListFromJson("[{\"role\":\"user\",\"content\":\"one\",\"content\":\"two\"}]"));
        Assert.Equal("", ChatTurn.ListFromJson("[{}]")[0].Role);
    }
}
