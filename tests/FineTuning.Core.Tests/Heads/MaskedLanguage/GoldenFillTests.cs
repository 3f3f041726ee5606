using System.Text.Json;
using FineTuning.Heads;
using FineTuning.Models;
using Xunit;

namespace FineTuning.Tests.Heads;

/// <summary>Masks filled as Hugging Face's fill-mask pipeline fills them.</summary>
public sealed class GoldenFillTests
{
    public static TheoryData<string> Folders() => PipelineFolders.With("fill-mask");

    [Theory(SkipTestWithoutData = true)]
    [MemberData(nameof(Folders))]
    public void Equals_the_reference(string name)
    {
        string folder = Goldens.Require("pipelines", name);
        if (!ModelFamilies.Supports(folder)) Assert.Skip($"{name}: no supported encoder");
        using MaskedLanguageModel model = Pretrained.MaskedLanguageModel(folder);
        Assert.Empty(model.Head.LoadReport.Fresh);
        var differences = new List<string>();
        foreach (JsonElement test in PipelineFolders.Cases(folder, "fill-mask"))
        {
            if (Check(model, test) is { } problem) differences.Add($"case {test.GetProperty("id")}: {problem}");
        }
        Assert.True(differences.Count == 0, string.Join(Environment.NewLine, differences.Take(10)));
    }

    private static string? Check(MaskedLanguageModel model, JsonElement test)
    {
        JsonElement options = test.GetProperty("options"), inputs = test.GetProperty("inputs");
        string[] texts = inputs.ValueKind == JsonValueKind.String ? [inputs.GetString()!] : [.. inputs.EnumerateArray().Select(text => text.GetString()!)];
        var fill = new FillOptions
        {
            Count = options.TryGetProperty("top_k", out JsonElement top) ? top.GetInt32() : 5,
            Targets = !options.TryGetProperty("targets", out JsonElement targets) ? null : targets.ValueKind == JsonValueKind.String ? [targets.GetString()!] : [.. targets.EnumerateArray().Select(target => target.GetString()!)],
        };
        IReadOnlyList<FilledText> answers;
        try
        {
            answers = model.PredictBatch(texts, fill);
        }
        catch (ArgumentException) when (test.TryGetProperty("error", out _))
        {
            return null;
        }
        if (test.TryGetProperty("error", out _)) return "was answered instead of refused";
        List<JsonElement> expected = Flat(test.GetProperty("expected"));
        MaskCandidate[] own = [.. answers.SelectMany(answer => answer.Masks).SelectMany(mask => mask.Candidates)];
        if (expected.Count != own.Length) return $"{own.Length} candidates instead of {expected.Count}";
        for (int i = 0; i < own.Length; i++)
        {
            double score = expected[i].GetProperty("score").GetDouble();
            bool equal = expected[i].GetProperty("token").GetInt32() == own[i].TokenId && expected[i].GetProperty("token_str").GetString() == own[i].Token
                && expected[i].GetProperty("sequence").GetString() == own[i].Text && Math.Abs(score - own[i].Score) <= 1e-5 + (1e-4 * score);
            if (!equal) return $"{own[i]} instead of {expected[i]}";
        }
        return null;
    }

    private static List<JsonElement> Flat(JsonElement element) => element.ValueKind == JsonValueKind.Array ? [.. element.EnumerateArray().SelectMany(Flat)] : [element];
}
