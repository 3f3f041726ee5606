using System.Globalization;
using System.Numerics;
using System.Text.Json;
using FineTuning.Errors;
using FineTuning.Text.Jinja;

namespace FineTuning.Fuzz;

/// <summary>Chat templates, rendered with conversations.</summary>
internal sealed class TemplateTarget : FuzzTarget
{
    // A few thousand times less than a template may use, so that there are many runs; every so often an input has the whole budget.
    private static readonly TemplateLimits Small = new() { Steps = 200_000, LargestValue = 1 << 20, Memory = 1 << 23 };

    private static readonly string Conversation =
        """{"messages":[{"role":"system","content":"Be short."},{"role":"user","content":"Hi <b>there</b>\n"},{"role":"assistant","content":"Hello!","tool_calls":[{"type":"function","function":{"name":"f","arguments":{"x":1.5,"y":[null,true,"\u00e9"]}}}],"reasoning_content":"hm"},{"role":"tool","content":"3"},{"role":"user","content":[{"type":"text","text":"and?"}]}],"tools":[{"type":"function","function":{"name":"f","description":"d","parameters":{"type":"object","properties":{"x":{"type":"number"}},"required":["x"]}}}],"add_generation_prompt":true,"bos_token":"<s>","eos_token":"</s>","n":-7,"big":123456789012345678901234567890,"f":0.1,"e":[],"s":"a,b,,c","d":{"b":1,"a":2}}""";

    public override string Name => "template";

    public override IEnumerable<string> Seeds(string goldens)
    {
        string root = Path.Combine(goldens, "chat-templates");
        if (!Directory.Exists(root)) yield break;
        foreach (string file in Directory.EnumerateFiles(root, "*.jinja", SearchOption.AllDirectories).Order(StringComparer.Ordinal)) yield return File.ReadAllText(file) + Separator + Conversation;
        foreach (string line in File.ReadLines(Path.Combine(root, "jinja.jsonl")))
        {
            using JsonDocument document = JsonDocument.Parse(line, new JsonDocumentOptions { MaxDepth = 1000 });
            if (document.RootElement.GetProperty("template") is { ValueKind: JsonValueKind.String } template) yield return template.GetString() + Separator + Conversation;
        }
    }

    public override string Mutate(string input, string other, Random random)
    {
        string[] parts = input.Split(Separator);
        string variables = Part(parts, 1), template = parts[0];
        if (random.Next(10) == 0) variables = JsonMutator.Mutate(variables, Conversation, random, TemplateWords.All);
        else template = TextMutator.Mutate(template, other.Split(Separator)[0], random, TemplateWords.All);
        return template + Separator + variables;
    }

    public override void Run(string input)
    {
        string[] parts = input.Split(Separator);
        IReadOnlyList<KeyValuePair<string, object>> variables = Variables(Part(parts, 1));
        bool whole = parts[0].Length % 64 == 0;
        try
        {
            TemplateOutput output = CompiledTemplate.Parse(parts[0], whole ? null : Small).Render(variables);
            Require(output.Text.Length <= (whole ? TemplateLimits.Default : Small).Memory, "the output is larger than the budget");
            Require(output.Spans.All(span => span.Start >= 0 && span.Start <= span.End && span.End <= output.Text.Length), "a span lies outside the text");
        }
        catch (ChatTemplateException)
        {
            // It is no template, refuses, or wants too much.
        }
    }

    private static IReadOnlyList<KeyValuePair<string, object>> Variables(string json)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(json);
            return document.RootElement.ValueKind != JsonValueKind.Object ? [] : [.. document.RootElement.EnumerateObject().Select(entry => KeyValuePair.Create(entry.Name, Of(entry.Value)))];
        }
        catch (Exception fault) when (fault is JsonException or InvalidOperationException or FormatException)
        {
            return [];
        }
    }

    private static object Of(JsonElement element)
    {
        switch (element.ValueKind)
        {
            case JsonValueKind.Null: return NoneValue.Instance;
            case JsonValueKind.True: return true;
            case JsonValueKind.False: return false;
            case JsonValueKind.String: return element.GetString()!;
            case JsonValueKind.Number:
                string raw = element.GetRawText();
                return raw.AsSpan().ContainsAny('.', 'e', 'E') ? double.Parse(raw, CultureInfo.InvariantCulture) : Integers.Of(BigInteger.Parse(raw, CultureInfo.InvariantCulture));
            case JsonValueKind.Array: return new ListValue([.. element.EnumerateArray().Select(Of)]);
            default:
                var value = new DictValue();
                foreach (JsonProperty entry in element.EnumerateObject()) value.With(entry.Name, Of(entry.Value));
                return value;
        }
    }
}
