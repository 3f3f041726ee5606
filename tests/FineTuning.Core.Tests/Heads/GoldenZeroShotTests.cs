using System.Text.Json;
using FineTuning.Errors;
using FineTuning.Heads;
using FineTuning.Models;
using FineTuning.Tasks;
using Xunit;

namespace FineTuning.Tests.Heads;

/// <summary>Labels nobody trained for, as Hugging Face's zero-shot-classification pipeline gives them.</summary>
public sealed class GoldenZeroShotTests
{
    public static TheoryData<string> Folders() => PipelineFolders.With("zero-shot-classification");

    [Theory(SkipTestWithoutData = true)]
    [MemberData(nameof(Folders))]
    public void Equals_the_reference(string name)
    {
        string folder = Goldens.Require("pipelines", name);
        if (!ModelFamilies.Supports(folder)) Assert.Skip($"{name}: no supported encoder");
        using ZeroShotClassifier model = Pretrained.ZeroShotClassifier(folder);
        var differences = new List<string>();
        foreach (JsonElement test in PipelineFolders.Cases(folder, "zero-shot-classification"))
        {
            if (Check(model, test) is { } problem) differences.Add($"case {test.GetProperty("id")}: {problem}");
        }
        Assert.True(differences.Count == 0, string.Join(Environment.NewLine, differences.Take(10)));
    }

    [Fact]
    public void A_predictor_of_fixed_labels_answers_alike()
    {
        using ZeroShotClassifier model = Pretrained.ZeroShotClassifier(Goldens.Require("pipelines", "deberta-v2-nli"));
        IPredictor<string, Classification<string>> predictor = model.For(["sports", "politics"]);
        Assert.Equal(model.Predict("A great game.", ["sports", "politics"]).Scores, predictor.Predict("A great game.").Scores);
        Assert.Equal(2, predictor.PredictBatch(["one", "two"]).Count);
        Assert.Throws<ArgumentException>(() => model.For([]));
    }

    [Fact]
    public void A_checkpoint_without_entailment_or_without_head_is_refused()
    {
        string folder = Goldens.Starter;
        Assert.Contains("entail", Assert.Throws<CheckpointException>(() => Pretrained.ZeroShotClassifier(folder)).Message, StringComparison.Ordinal);
    }

    private static string? Check(ZeroShotClassifier model, JsonElement test)
    {
        JsonElement options = test.GetProperty("options"), inputs = test.GetProperty("inputs"), candidates = options.GetProperty("candidate_labels");
        string[] texts = inputs.ValueKind == JsonValueKind.String ? [inputs.GetString()!] : [.. inputs.EnumerateArray().Select(text => text.GetString()!)];
        string[] labels = candidates.ValueKind == JsonValueKind.String
            ? candidates.GetString()!.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries)
            : [.. candidates.EnumerateArray().Select(label => label.GetString()!)];
        var own = new ZeroShotOptions { MultiLabel = options.TryGetProperty("multi_label", out JsonElement multi) && multi.GetBoolean() };
        if (options.TryGetProperty("hypothesis_template", out JsonElement template)) own = own with { Template = template.GetString()! };
        IReadOnlyList<Classification<string>> answers;
        try
        {
            answers = model.PredictBatch(texts, labels, own);
        }
        catch (Exception failure) when (failure is ArgumentException or FineTuningException && test.TryGetProperty("error", out _))
        {
            return null;
        }
        if (test.TryGetProperty("error", out _)) return "was answered instead of refused";
        JsonElement expected = test.GetProperty("expected");
        JsonElement[] all = expected.ValueKind == JsonValueKind.Array ? [.. expected.EnumerateArray()] : [expected];
        if (all.Length != answers.Count) return $"{answers.Count} answers instead of {all.Length}";
        for (int i = 0; i < all.Length; i++)
        {
            string[] names = [.. all[i].GetProperty("labels").EnumerateArray().Select(label => label.GetString()!)];
            double[] scores = [.. all[i].GetProperty("scores").EnumerateArray().Select(score => score.GetDouble())];
            bool equal = names.SequenceEqual(answers[i].Scores.Select(score => score.Label))
                && scores.Zip(answers[i].Scores, (score, mine) => Math.Abs(score - mine.Score) <= 1e-5 + (1e-4 * score)).All(near => near);
            if (!equal) return $"{string.Join(", ", answers[i].Scores)} instead of {all[i]}";
        }
        return null;
    }
}
