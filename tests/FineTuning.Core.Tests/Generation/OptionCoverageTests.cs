using System.Text.Json;
using FineTuning.Generation;
using Xunit;

namespace FineTuning.Tests.Generation;

/// <summary>Each option has the reference's name and is compared with it.</summary>
public sealed class OptionCoverageTests
{
    // Tensors and functions stand in the cases under other names; ids of tokens stand in the models' files; a seed draws other numbers than the reference's.
    private static readonly Dictionary<string, string> OtherNames = new()
    {
        ["prefix_allowed_tokens"] = "prefix_allowed_by_step", ["decoder_start_token_id"] = "decoder_input_ids", ["decoder_prefix"] = "decoder_input_ids", ["bos_token_id"] = "pad_token_id", ["seed"] = "do_sample",
    };

    [Fact]
    public void Every_option_stands_in_a_case_of_the_reference()
    {
        var used = new HashSet<string>(StringComparer.Ordinal);
        IEnumerable<string> files = Directory.GetDirectories(GenerationGoldens.Require()).Select(folder => Path.Combine(folder, "cases.jsonl")).Append(GenerationGoldens.RequireFile("processors.jsonl"));
        foreach (JsonElement test in files.Where(File.Exists).SelectMany(GenerationGoldens.Lines))
        {
            if (test.TryGetProperty("args", out JsonElement args) && args.ValueKind == JsonValueKind.Object) used.UnionWith(args.EnumerateObject().Select(own => own.Name));
        }
        string[] missing = [.. typeof(GenerationOptions).GetProperties().Select(property => JsonNamingPolicy.SnakeCaseLower.ConvertName(property.Name))
            .Where(name => !used.Contains(OtherNames.GetValueOrDefault(name, name)))];
        if (Goldens.Folder("generation", "t5") is null || Goldens.Folder("generation", "sampling") is null) Assert.Skip($"only a part of the cases is here; of these lack {string.Join(", ", missing)}");
        Assert.True(missing.Length == 0, string.Join(", ", missing));
    }
}
