using System.Text.Json;
using Xunit;

namespace FineTuning.Tests.Heads;

/// <summary>The folders of goldens/pipelines and their cases, by task.</summary>
internal static class PipelineFolders
{
    public static TheoryData<string> With(string task)
    {
        var folders = new TheoryData<string>();
        if (Goldens.Folder("pipelines") is not { } root) return folders;
        foreach (string folder in Directory.GetDirectories(root).Order(StringComparer.Ordinal))
        {
            string cases = Path.Combine(folder, "cases.jsonl");
            if (File.Exists(cases) && File.ReadLines(cases).Any(line => line.Contains($"\"{task}\"", StringComparison.Ordinal))) folders.Add(Path.GetFileName(folder));
        }
        return folders;
    }

    public static IEnumerable<JsonElement> Cases(string folder, string task)
    {
        foreach (string line in File.ReadLines(Path.Combine(folder, "cases.jsonl")))
        {
            using JsonDocument json = JsonDocument.Parse(line);
            if (json.RootElement.GetProperty("task").GetString() == task) yield return json.RootElement.Clone();
        }
    }
}
