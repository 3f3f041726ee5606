using System.Text.Json;
using FineTuning.Errors;
using FineTuning.Heads;
using FineTuning.Models;
using Xunit;

namespace FineTuning.Tests.Heads.Tagging;

/// <summary>Texts in, entities out, against Hugging Face's token-classification pipeline.</summary>
public sealed class GoldenTaggingTests
{
    public static TheoryData<string> Folders()
    {
        var folders = new TheoryData<string>();
        if (Goldens.Folder("pipelines") is not { } root) return folders;
        foreach (string folder in Directory.GetDirectories(root).Order(StringComparer.Ordinal))
        {
            string cases = Path.Combine(folder, "cases.jsonl");
            if (File.Exists(cases) && File.ReadLines(cases).Any(line => line.Contains("\"token-classification\"", StringComparison.Ordinal))) folders.Add(Path.GetFileName(folder));
        }
        return folders;
    }

    [Theory(SkipTestWithoutData = true)]
    [MemberData(nameof(Folders))]
    public void Entities_equal_the_reference(string name)
    {
        string folder = Goldens.Require("pipelines", name);
        if (!ModelFamilies.Supports(folder)) Assert.Skip($"{name}: no supported encoder");
        using TokenClassifier model = Pretrained.TokenClassifier(folder);
        var differences = new List<string>();
        int compared = 0;
        foreach (string line in File.ReadLines(Path.Combine(folder, "cases.jsonl")))
        {
            using JsonDocument json = JsonDocument.Parse(line);
            if (json.RootElement.GetProperty("task").GetString() != "token-classification") continue;
            compared++;
            if (Check(model, json.RootElement) is { } problem) differences.Add($"case {json.RootElement.GetProperty("id")} {json.RootElement.GetProperty("options")}: {problem}");
        }
        Assert.True(compared > 0);
        Assert.True(differences.Count == 0, $"{differences.Count} of {compared}:{Environment.NewLine}{string.Join(Environment.NewLine, differences.Take(10))}");
    }

    private static string? Check(TokenClassifier model, JsonElement test)
    {
        JsonElement given = test.GetProperty("options"), inputs = test.GetProperty("inputs");
        EntityOptions options = Options(given);
        bool split = given.TryGetProperty("is_split_into_words", out JsonElement words) && words.GetBoolean();
        string[] Texts(JsonElement list) => [.. list.EnumerateArray().Select(text => text.GetString()!)];
        try
        {
            bool many = inputs.ValueKind == JsonValueKind.Array && (!split || inputs[0].ValueKind == JsonValueKind.Array);
            IReadOnlyList<IReadOnlyList<Entity>> found = split
                ? model.PredictWords(many ? [.. inputs.EnumerateArray().Select(Texts)] : [Texts(inputs)], options)
                : model.PredictBatch(many ? Texts(inputs) : [inputs.GetString()!], options);
            if (test.TryGetProperty("error", out _)) return "was answered instead of refused";
            JsonElement expected = test.GetProperty("expected");
            JsonElement[] lists = many ? [.. expected.EnumerateArray()] : [expected];
            return lists.Select((list, i) => Compare(list, found[i])).FirstOrDefault(problem => problem is not null);
        }
        catch (InvalidOptionsException failure)
        {
            return test.TryGetProperty("error", out _) ? null : failure.Message;
        }
    }

    private static EntityOptions Options(JsonElement given)
    {
        var options = new EntityOptions { Aggregation = EntityAggregation.None, LongTexts = LongTexts.Cut };
        if (given.TryGetProperty("aggregation_strategy", out JsonElement strategy)) options = options with { Aggregation = Enum.Parse<EntityAggregation>(strategy.GetString()!, ignoreCase: true) };
        if (given.TryGetProperty("ignore_labels", out JsonElement ignored)) options = options with { Ignored = [.. ignored.EnumerateArray().Select(label => label.GetString()!)] };
        if (given.TryGetProperty("stride", out JsonElement stride)) options = options with { LongTexts = LongTexts.MergeEntities, Stride = stride.GetInt32() };
        if (given.TryGetProperty("delimiter", out JsonElement delimiter)) options = options with { Delimiter = delimiter.GetString()! };
        return options;
    }

    private static string? Compare(JsonElement expected, IReadOnlyList<Entity> found)
    {
        JsonElement[] wanted = [.. expected.EnumerateArray()];
        if (wanted.Length != found.Count) return $"{found.Count} entities instead of {wanted.Length}: {string.Join(", ", found)}";
        for (int i = 0; i < wanted.Length; i++)
        {
            int Utf16(string name) => wanted[i].TryGetProperty(name + "_utf16", out JsonElement own) ? own.GetInt32() : wanted[i].GetProperty(name).GetInt32();
            string type = (wanted[i].TryGetProperty("entity_group", out JsonElement group) ? group : wanted[i].GetProperty("entity")).GetString()!;
            double score = wanted[i].GetProperty("score").GetDouble();
            bool same = found[i].Type == type && found[i].Start == Utf16("start") && found[i].End == Utf16("end") && found[i].Spelling == wanted[i].GetProperty("word").GetString()
                && Math.Abs(found[i].Score - score) <= 1e-5 + (1e-4 * score) && (!wanted[i].TryGetProperty("index", out JsonElement index) || index.GetInt32() == found[i].Token);
            if (!same) return $"entity {i}: {found[i]} '{found[i].Spelling}' at {found[i].Start}-{found[i].End} instead of {wanted[i]}";
        }
        return null;
    }
}
