using System.Text.Json;
using FineTuning.Errors;
using FineTuning.Generation;
using Xunit;

namespace FineTuning.Tests.Generation;

/// <summary>What the reference refuses is refused before the first token.</summary>
public sealed class GoldenErrorTests
{
    [Fact]
    public void Whatever_the_reference_refuses_is_refused()
    {
        var accepted = new List<string>();
        int refused = 0;
        foreach (JsonElement test in GenerationGoldens.Lines(GenerationGoldens.RequireFile("errors.jsonl")).Where(IsHere))
        {
            bool mustFail = test.GetProperty("error").ValueKind != JsonValueKind.Null;
            bool fails = Refusal(test) is { Length: > 0 };
            if (mustFail && !fails) accepted.Add(test.GetRawText());
            refused += mustFail ? 1 : 0;
        }
        Assert.True(refused > 0);
        Assert.True(accepted.Count == 0, string.Join(Environment.NewLine, accepted));
    }

    [Fact]
    public void What_the_reference_accepts_with_good_reason_is_accepted()
    {
        // A penalty without beams changes nothing; a long text is none of the options' business where positions are not learned.
        JsonElement[] lines = [.. GenerationGoldens.Lines(GenerationGoldens.RequireFile("errors.jsonl")).Where(test => test.GetProperty("error").ValueKind == JsonValueKind.Null)];
        string[] good = ["length_penalty", "max_new_tokens"];
        JsonElement[] chosen = [.. lines.Where(test => good.Contains(test.GetProperty("args").EnumerateObject().First().Name))];
        JsonElement[] here = [.. chosen.Where(IsHere)];
        if (here.Length == 0) Assert.Skip($"the models of these cases are not here: {string.Join(", ", chosen.Select(test => test.GetProperty("model").GetString()).Distinct())}");
        Assert.All(here, test => Assert.Null(Refusal(test)));
    }

    private static bool IsHere(JsonElement test) => Goldens.Folder("generation", test.GetProperty("model").GetString()!) is not null;

    // Refused by the reader of files, by what it reports, or by the options' own checks: always typed.
    private static string? Refusal(JsonElement test)
    {
        string family = test.GetProperty("model").GetString()!, folder = GenerationGoldens.Require(family);
        using JsonDocument config = JsonDocument.Parse(File.ReadAllText(Path.Combine(folder, "config.json")));
        int size = config.RootElement.GetProperty("vocab_size").GetInt32();
        int? positions = config.RootElement.TryGetProperty("n_positions", out JsonElement count) ? count.GetInt32() : null;
        GenerationConfigFile given;
        try
        {
            given = GenerationConfigFile.Parse("arguments", test.GetProperty("args").GetRawText());
        }
        catch (CheckpointException refusal)
        {
            return refusal.Message;
        }
        if (given.UnknownKeys.Count > 0 || given.Unsupported.Count > 0) return string.Join("; ", given.UnknownKeys.Concat(given.Unsupported));
        GenerationOptions options = GenerationGoldens.Options(folder, test.GetProperty("args"));
        if (options.MaxLength is null) options = options with { MaxNewTokens = options.MaxNewTokens ?? 3 };
        try
        {
            int[][] ids = GenerationGoldens.Rows(test.GetProperty("input_ids"));
            _ = GenerationSettings.Of(options, new(ids[0].Length, size, positions, HasLearnedPositions: positions is not null));
            return null;
        }
        catch (InvalidOptionsException refusal)
        {
            return refusal.Message;
        }
    }
}
