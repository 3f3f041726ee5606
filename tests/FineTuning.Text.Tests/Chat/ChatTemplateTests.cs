using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using FineTuning.Errors;
using FineTuning.Text;
using Xunit;

namespace FineTuning.Tests.Chat;

/// <summary>The public renderer: a template written by hand, threads, hostile templates and values.</summary>
public sealed class ChatTemplateTests
{
    private const string HandMade = """
        {%- macro call(c) -%}
        CALL {{ c.function.name }}{{ c.function.arguments | tojson }}
        {%- endmacro -%}
        {{ bos_token }}
        {%- for tool in tools or [] %}[tool {{ tool.function.name }}]{% endfor -%}
        {%- for d in documents or [] %}[{{ loop.index }}. {{ d.title }}]{% endfor -%}
        {%- for m in messages -%}
            {%- if m.role == 'assistant' -%}
                <a>{% generation %}{% if m.thinking is defined %}({{ m.thinking }}){% endif %}{{ m.content or '' }}{% for c in m.tool_calls or [] %}{{ call(c) }}{% endfor %}</a>{% endgeneration %}
            {%- elif m.role in ['user', 'tool'] -%}
                <{{ m.role[0] }}>{{ m.content | trim }}</{{ m.role[0] }}>
            {%- else -%}
                {{ raise_exception('no role ' ~ m.role) }}
            {%- endif -%}
        {%- endfor -%}
        {%- if add_generation_prompt %}<a>{% endif -%}
        {{ note }}
        """;

    private static readonly Dictionary<string, string> Tokens = new() { ["bos_token"] = "<s>" };

    [Fact]
    public void A_template_written_by_hand()
    {
        ChatTurn[] turns =
        [
            new("user", "  Weather in Oslo? "),
            new("assistant", null) { Reasoning = "look", ToolCalls = [new ToolCall("weather", new JsonObject { ["city"] = "Oslo" })] },
            new("tool", "3"),
            new("assistant", "Cold. "),
        ];
        ChatRendering rendering = ChatTemplate.Parse(HandMade, Tokens).Render(turns, new ChatOptions
        {
            Tools = [new ChatTool("weather", "The weather.", new JsonObject { ["type"] = "object" })],
            Documents = [new ChatDocument("Towns", "Oslo is one.")],
            Variables = new Dictionary<string, JsonNode?> { ["note"] = "!" },
        });
        Assert.Equal("<s>[tool weather][1. Towns]<u>Weather in Oslo?</u><a>(look)CALL weather{\"city\": \"Oslo\"}</a><t>3</t><a>Cold. </a>!", rendering.Text);
        Assert.Equal(["(look)CALL weather{\"city\": \"Oslo\"}</a>", "Cold. </a>"], rendering.AnswerRanges.Select(range => rendering.Text[range.Start..range.End]));
        Assert.Equal(AnswerSource.GenerationMarks, rendering.Source);

        ChatTemplate template = ChatTemplate.Parse(HandMade, Tokens);
        Assert.Equal("<s><u>a</u><a>", template.Render([new("user", "a")], new ChatOptions { AddGenerationPrompt = true }).Text);
        Assert.Equal("<s><u>a</u><a>Well, ", template.Render([new("user", "a"), new("assistant", "Well, ")], new ChatOptions { ContinueFinalMessage = true }).Text);
        var refusal = Assert.Throws<ChatTemplateException>(() => template.Render([new("critic", "a")]));
        Assert.Equal((true, "no role critic", 13), (refusal.IsRefusal, refusal.Problem, refusal.Line));
        Assert.Equal(2, Assert.Throws<ChatTemplateException>(() => ChatTemplate.Parse("a\n{% if %}")).Line);
    }

    // Equal keys that have no order are no fault in a sort; a filter of texts takes nothing else.
    [Theory]
    [InlineData("{{ [none, none]|sort }}", "[None, None]")]
    [InlineData("{{ [x, x]|sort }}", "[Undefined, Undefined]")]
    [InlineData("{{ 'ab'|sort(attribute='x') }}", "['a', 'b']")]
    [InlineData("{{ x|truncate }}", "")]
    [InlineData("{{ [none, 1]|sort }}", null)]
    [InlineData("{{ [1]|truncate }}", null)]
    [InlineData("{{ {'a': 1}|truncate(5) }}", null)]
    [InlineData("{{ [1]|indent }}", null)]
    [InlineData("{{ 1|indent }}", null)]
    [InlineData("{{ x|indent }}", null)]
    public void Filters_take_what_they_can_handle(string template, string? expected)
    {
        ChatTemplate parsed = ChatTemplate.Parse(template);
        if (expected is null) Assert.Throws<ChatTemplateException>(() => parsed.Render([new("user", "a")]));
        else Assert.Equal(expected, parsed.Render([new("user", "a")]).Text);
    }

    [Fact]
    public void Errors_name_the_file_and_the_template()
    {
        string folder = Directory.CreateTempSubdirectory().FullName;
        try
        {
            string config = Path.Combine(folder, "tokenizer_config.json"), file = Path.Combine(folder, "chat_template.jinja");
            File.WriteAllText(config, """{"chat_template": [{"name": "default", "template": "{% if %}"}, {"name": "tool_use", "template": "{{ raise_exception('no') }}"}]}""");
            ChatTemplateException Fault(string? name) => Assert.Throws<ChatTemplateException>(() => ChatTemplate.Load(folder).Render([new("user", "a")], new ChatOptions { TemplateName = name }));
            Assert.Equal($"'default' of {config}", Fault(null).Origin);
            Assert.StartsWith($"chat template 'tool_use' of {config}, line 1: no", Fault("tool_use").Message, StringComparison.Ordinal);
            File.WriteAllText(file, "a\n{{ 1 / 0 }}");
            Assert.StartsWith($"chat template {file}, line 2: ", Fault(null).Message, StringComparison.Ordinal);
            Assert.StartsWith("chat template, line 1: ", Assert.Throws<ChatTemplateException>(() => ChatTemplate.Parse("{% if %}")).Message, StringComparison.Ordinal);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Fact]
    public void A_template_sees_one_time()
    {
        var clock = new TickingClock();
        ChatTemplate template = ChatTemplate.Parse("{{ strftime_now('%H:%M:%S') }}{% for m in messages %}<{{ m.role }}>{{ m.content }}{% endfor %}{% if add_generation_prompt %}<assistant>{% endif %}");
        ChatRendering rendering = template.RenderWithAnswers([new("user", "a"), new("assistant", "b")], new ChatOptions { Clock = clock });
        Assert.Equal("00:00:01<user>a<assistant>b", rendering.Text);
        Assert.Equal([(26, 27)], rendering.AnswerRanges);
    }

    [Fact]
    public void Threads_render_the_same()
    {
        ChatTemplate template = ChatTemplate.Parse(HandMade, Tokens);
        ChatTurn[][] talks = [.. Enumerable.Range(0, 200).Select(i => Enumerable.Range(0, 1 + (i % 7)).Select(k => new ChatTurn(k % 2 == 0 ? "user" : "assistant", $"turn {k} of {i}")).ToArray())];
        string[] expected = [.. talks.Select(talk => template.Render(talk).Text)];
        var found = new string[talks.Length];
        ChatTemplate fresh = ChatTemplate.Parse(HandMade, Tokens);
        Parallel.For(0, talks.Length, new ParallelOptions { MaxDegreeOfParallelism = 8 }, i => found[i] = fresh.Render(talks[i]).Text);
        Assert.Equal(expected, found);
    }

    [Fact]
    public void A_given_text_is_taken_in_place_of_the_folders_template()
    {
        ChatTemplate template = ChatTemplate.Parse("x");
        ChatTurn[] turns = [new("user", "a")];
        for (int i = 0; i < 3; i++)
        {
            Assert.Equal("x", template.Render(turns).Text);
            Assert.Equal("ya", template.Render(turns, new ChatOptions { TemplateText = "y{{ messages[0].content }}" }).Text);
            Assert.Equal("z", template.Render(turns, new ChatOptions { TemplateText = "z" }).Text);
            Assert.Throws<ChatTemplateException>(() => template.Render(turns, new ChatOptions { TemplateText = "{% if %}" }));
        }
    }

    [Fact]
    public void Hostile_templates_do_no_harm()
    {
        string root = Goldens.Require("chat-templates");
        var differences = new List<string>();
        int compared = 0;
        foreach (JsonElement test in GoldenValues.Lines(Path.Combine(root, "hostile.jsonl")))
        {
            string expect = test.GetProperty("expect").GetString()!, name = $"{test.GetProperty("id")} ({expect})";
            if (!GoldenValues.IsPublic(test)) continue;
            test.TryGetProperty("context", out JsonElement context);
            compared++;
            JsonElement reference = test.GetProperty("reference");
            long before = Environment.TickCount64;
            try
            {
                string found = Rendered(GoldenValues.Repeated(test.GetProperty("template")), context);
                if (expect == "error") differences.Add($"{name}: '{found}' instead of an error");
                else if (reference.TryGetProperty("sha256", out JsonElement sum) && Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(found))) != sum.GetString()) differences.Add($"{name}: other text than the reference");
            }
            catch (ChatTemplateException fault)
            {
                if (expect == "output") differences.Add($"{name}: {fault.Message}");
            }
            catch (Exception failure)
            {
                differences.Add($"{name}: {failure}");
            }
            // No measure of speed: a machine under load takes long, but what hangs takes for ever.
            if (Environment.TickCount64 - before > 120_000) differences.Add($"{name}: it took {Environment.TickCount64 - before} ms");
        }
        Assert.True(compared > 0);
        Assert.True(differences.Count == 0, $"{differences.Count} of {compared} differ{Environment.NewLine}{string.Join(Environment.NewLine, differences.Take(40))}");
    }

    [Fact]
    public void Budgets_hold_while_answers_are_found()
    {
        ChatTemplate template = ChatTemplate.Parse("{% for m in messages %}{% if loop.index > 2 %}{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}{% endif %}{{ m.content }}{% endfor %}");
        ChatTurn[] turns = [new("user", "a"), new("assistant", "b"), new("user", "c"), new("assistant", "d")];
        Assert.Contains("steps", Assert.Throws<ChatTemplateException>(() => template.RenderWithAnswers(turns)).Message);
    }

    private static string Rendered(string template, JsonElement context)
    {
        var variables = new Dictionary<string, JsonNode?>();
        if (context.ValueKind == JsonValueKind.Object)
        {
            foreach (JsonProperty entry in context.EnumerateObject()) variables[entry.Name] = JsonNode.Parse(entry.Value.GetRawText());
        }
        IEnumerable<string> reserved = variables.Keys.Intersect(["tools", "documents", "add_generation_prompt"]);
        foreach (string name in reserved.ToArray()) variables.Remove(name);
        return ChatTemplate.Parse(template).Render([new("user", "x")], new ChatOptions { Variables = variables }).Text;
    }

    private sealed class TickingClock : TimeProvider
    {
        private int _seconds;

        public override TimeZoneInfo LocalTimeZone => TimeZoneInfo.Utc;

        public override DateTimeOffset GetUtcNow() => DateTimeOffset.UnixEpoch.AddSeconds(++_seconds);
    }
}
