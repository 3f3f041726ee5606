using System.Text.Json;
using FineTuning.Errors;
using FineTuning.Text;
using Xunit;

namespace FineTuning.Tests.Chat;

/// <summary>Which template a folder gives, what special tokens it sees and what is saved, against the reference.</summary>
public sealed class GoldenFolderTests
{
    [Fact]
    public void Folders_give_the_templates_of_the_reference()
    {
        ChatGoldens goldens = ChatGoldens.Require();
        var differences = new List<string>();
        int compared = 0;
        foreach (JsonElement row in goldens.Rows("multi-template.jsonl"))
        {
            compared++;
            string folder = Path.Combine(goldens.Root, "multi-template", row.GetProperty("folder").GetString()!);
            string? difference = row.GetProperty("case").GetString() == "load" ? LoadingDiffers(folder, row) : RenderingDiffers(goldens, folder, row);
            if (difference is not null) differences.Add($"{row.GetProperty("folder")} {row.GetProperty("case")}: {difference}");
        }
        Assert.True(compared > 0);
        Assert.True(differences.Count == 0, $"{differences.Count} of {compared} differ{Environment.NewLine}{string.Join(Environment.NewLine, differences.Take(40))}");
    }

    private static string? LoadingDiffers(string folder, JsonElement row)
    {
        PretrainedTokenizer tokenizer = PretrainedTokenizer.Load(folder);
        try
        {
            ChatTemplate template = tokenizer.ChatTemplate;
            if (row.TryGetProperty("error", out _)) return "it loads";
            JsonElement templates = row.GetProperty("templates");
            if (templates.ValueKind == JsonValueKind.Null ? !template.IsFallback : template.IsFallback) return $"fallback: {template.IsFallback}";
            if (templates.ValueKind == JsonValueKind.Object && Texts(template) is var texts && !texts.SetEquals(templates.EnumerateObject().Select(entry => (entry.Name, entry.Value.GetString()!)))) return string.Join(", ", texts);
            HashSet<(string, string)> tokens = [.. template.SpecialTokens.Select(entry => (entry.Key, entry.Value))];
            if (!tokens.SetEquals(row.GetProperty("special_tokens_map").EnumerateObject().Select(entry => (entry.Name, entry.Value.GetString()!)))) return $"tokens {string.Join(", ", tokens)}";
            if (!tokens.SetEquals(ChatTemplate.Load(folder).SpecialTokens.Select(entry => (entry.Key, entry.Value)))) return "ChatTemplate.Load sees other tokens";
        }
        catch (CheckpointException fault)
        {
            // A number as a template loads in the reference and fails when it is used; here it fails when it is asked for.
            if (!row.TryGetProperty("error", out _) && row.GetProperty("templates").ValueKind != JsonValueKind.Number) return fault.Message;
        }
        return row.TryGetProperty("error", out _) ? null : SavingDiffers(tokenizer, row);
    }

    private static HashSet<(string, string)> Texts(ChatTemplate template) => template.Names.Count == 0 ? [("", template.TextOf())]
        : [.. template.Names.Select(name => (name, template.TextOf(new ChatOptions { TemplateName = name })))];

    private static string? SavingDiffers(PretrainedTokenizer tokenizer, JsonElement row)
    {
        string parent = Directory.CreateTempSubdirectory().FullName, target = Path.Combine(parent, "saved");
        Directory.CreateDirectory(target);
        try
        {
            tokenizer.Save(target);
            if (row.TryGetProperty("save_error", out _)) return "it is saved";
            string[] files = [.. Directory.EnumerateFiles(target, "*.jinja", SearchOption.AllDirectories).Select(path => Path.GetRelativePath(target, path).Replace('\\', '/')).Order(StringComparer.Ordinal)];
            string[] expected = [.. row.GetProperty("saved_files").EnumerateArray().Select(file => file.GetString()!).Order(StringComparer.Ordinal)];
            if (!files.SequenceEqual(expected)) return $"saved as {string.Join(", ", files)} instead of {string.Join(", ", expected)}";
            using JsonDocument config = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(target, "tokenizer_config.json")));
            if (config.RootElement.TryGetProperty("chat_template", out _) != row.GetProperty("saved_in_config").GetBoolean()) return "the saved tokenizer_config.json";
            if (files.Length == 0) return null;
            // What is read back is the same, but for a single named template, whose name a file cannot keep, and line ends, which reading normalizes.
            HashSet<string> before = [.. Texts(tokenizer.ChatTemplate).Select(entry => Normal(entry.Item2))], after = [.. Texts(PretrainedTokenizer.Load(target).ChatTemplate).Select(entry => Normal(entry.Item2))];
            return before.SetEquals(after) ? null : "other templates come back";
        }
        catch (CheckpointException fault)
        {
            return row.TryGetProperty("save_error", out _) && Directory.GetFileSystemEntries(parent).Length == 1 ? null : fault.Message;
        }
        finally
        {
            Directory.Delete(parent, recursive: true);
        }
    }

    private static string Normal(string text) => text.ReplaceLineEndings("\n");

    private static string? RenderingDiffers(ChatGoldens goldens, string folder, JsonElement row)
    {
        string? expected = row.TryGetProperty("text", out JsonElement text) ? text.GetString() : null;
        try
        {
            ChatTemplate template = ChatTemplate.Load(folder);
            var options = new ChatOptions
            {
                Clock = goldens.Clock,
                AddGenerationPrompt = row.TryGetProperty("add_generation_prompt", out JsonElement prompt) && prompt.GetBoolean(),
                Tools = row.TryGetProperty("tools", out JsonElement tools) ? goldens.Tools(tools.GetString()!) : null,
                Documents = row.TryGetProperty("documents", out JsonElement documents) ? goldens.Documents(documents.GetString()!) : null,
            };
            // The reference has one argument for names and texts: what is no name it knows is a text.
            if (row.TryGetProperty("chat_template", out JsonElement given))
            {
                options = template.Names.Contains(given.GetString()!) ? options with { TemplateName = given.GetString() } : options with { TemplateText = given.GetString() };
            }
            else if (template.IsFallback)
            {
                return expected is null ? null : "the fallback stands in for a template";
            }
            string found = template.Render(goldens.Conversation("system-user"), options).Text;
            return found == expected ? null : $"'{found}' instead of {(expected is null ? "an error" : $"'{expected}'")}";
        }
        catch (FineTuningException fault)
        {
            return expected is null ? null : $"{fault.Message} instead of '{expected}'";
        }
    }
}
