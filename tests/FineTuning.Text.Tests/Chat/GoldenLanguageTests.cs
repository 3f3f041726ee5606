using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using FineTuning.Errors;
using FineTuning.Text.Jinja;
using Xunit;

namespace FineTuning.Tests.Chat;

/// <summary>The language of chat templates, snippet by snippet, against the reference; and templates that must do no harm.</summary>
public sealed class GoldenLanguageTests
{
    [Fact]
    public void Snippets_give_what_the_reference_gives()
    {
        string root = Goldens.Require("chat-templates");
        FixedClock clock = FixedClock.Of(root);
        var differences = new List<string>();
        int compared = 0;
        foreach (JsonElement test in GoldenValues.Lines(Path.Combine(root, "jinja.jsonl")))
        {
            compared++;
            string template = test.GetProperty("template").GetString()!;
            string? expected = test.TryGetProperty("output", out JsonElement output) ? ((string)GoldenValues.Of(output)) : null;
            bool mayRefuse = test.GetProperty("level").GetString() == "may-refuse";
            string name = $"{test.GetProperty("id")} {JsonSerializer.Serialize(template)}";
            try
            {
                string found = Render(template, test, clock).Text;
                if (found != expected) differences.Add($"{name}: '{found}' instead of {(expected is null ? "an error" : $"'{expected}'")}");
            }
            catch (ChatTemplateException fault)
            {
                if (expected is not null && !mayRefuse) differences.Add($"{name}: {fault.Message} instead of '{expected}'");
                else if (expected is null && IsRaised(test)) Check(differences, name, fault, test);
            }
            catch (Exception failure)
            {
                differences.Add($"{name}: {failure}");
            }
        }
        Assert.True(compared > 0);
        Assert.True(differences.Count == 0, $"{differences.Count} of {compared} differ{Environment.NewLine}{string.Join(Environment.NewLine, differences.Take(60))}");
    }

    [Fact]
    public void Hostile_templates_end_within_their_budget()
    {
        string root = Goldens.Require("chat-templates");
        FixedClock clock = FixedClock.Of(root);
        var differences = new List<string>();
        int compared = 0;
        foreach (JsonElement test in GoldenValues.Lines(Path.Combine(root, "hostile.jsonl")))
        {
            // The others run through the public surface, in ChatTemplateTests.
            if (GoldenValues.IsPublic(test)) continue;
            compared++;
            string expect = test.GetProperty("expect").GetString()!, name = $"{test.GetProperty("id")} ({expect})";
            JsonElement reference = test.GetProperty("reference");
            long before = Environment.TickCount64;
            try
            {
                string found = Render(GoldenValues.Repeated(test.GetProperty("template")), test, clock).Text;
                if (expect == "error" || (expect == "error-or-output" && !reference.TryGetProperty("sha256", out _))) differences.Add($"{name}: '{found}' instead of an error");
                else if (reference.TryGetProperty("sha256", out JsonElement sum) && Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(found))) != sum.GetString())
                    differences.Add($"{name}: other text than the reference: {(found.Length > 200 ? found[..200] : found)}");
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
        Assert.True(differences.Count == 0, $"{differences.Count} of {compared} differ{Environment.NewLine}{string.Join(Environment.NewLine, differences.Take(60))}");
    }

    private static TemplateOutput Render(string template, JsonElement test, TimeProvider clock) =>
        CompiledTemplate.Parse(template).Render(test.TryGetProperty("context", out JsonElement context) ? GoldenValues.Variables(context) : [], clock);

    private static bool IsRaised(JsonElement test) => test.GetProperty("error").GetProperty("kind").GetString() == "template";

    private static void Check(List<string> differences, string name, ChatTemplateException fault, JsonElement test)
    {
        string expected = test.GetProperty("error").GetProperty("message").GetString()!;
        if (!fault.IsRefusal || fault.Problem != expected) differences.Add($"{name}: refused with '{fault.Problem}' instead of '{expected}'");
    }
}
