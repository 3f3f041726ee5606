using System.Text.Json;
using FineTuning.Generation;
using FineTuning.Tensors;
using Xunit;

namespace FineTuning.Tests.Generation;

/// <summary>Every call of every family: tokens, scores and beams against the reference.</summary>
public sealed class GoldenGenerationTests
{
    public static TheoryData<string> Families => GoldenModel.Families();

    [Theory(SkipTestWithoutData = true)]
    [MemberData(nameof(Families))]
    public void Texts_and_scores_equal_the_reference(string family)
    {
        if (family == "text") Assert.Skip("the trained model has cases of its own: GoldenTextTests");
        GoldenModel model = GoldenModel.Require(family);
        using var file = SafetensorsFile.Open(GenerationGoldens.RequireFile(family, "golden.safetensors"));
        var differences = new List<string>();
        int compared = 0;
        foreach (JsonElement test in GenerationGoldens.Lines(GenerationGoldens.RequireFile(family, "cases.jsonl")))
        {
            string name = test.GetProperty("name").GetString()!;
            GoldenRun run = GoldenRun.Of(model, test);
            differences.AddRange(GoldenComparison.Texts(test, run).Concat(GoldenComparison.Beams(test, run)).Concat(Scores(name, file, run)).Take(3).Select(problem => $"{name}: {problem}"));
            compared++;
        }
        Assert.True(differences.Count == 0, $"{differences.Count} differences in {compared} " +
            $"cases:{Environment.NewLine}{string.Join(Environment.NewLine, differences.Take(20))}");
    }

    private static IEnumerable<string> Scores(string name, SafetensorsFile file, GoldenRun run)
    {
        if (file.Tensors.ContainsKey(name + ".scores"))
        {
            foreach (string problem in Scores(GenerationGoldens.Floats(file, name + ".scores"), run, run.After, normalizes: false)) yield return $"scores, {problem}";
        }
        // Guidance has mixed the scores before the first rule sees them.
        if (file.Tensors.ContainsKey(name + ".logits") && !run.Settings.Guides)
        {
            foreach (string problem in Scores(GenerationGoldens.Floats(file, name + ".logits"), run, run.Before, normalizes: run.Settings.Beams > 1)) yield return $"logits, {problem}";
        }
    }

    private static IEnumerable<string> Scores((float[] Values, long[] Shape) golden, GoldenRun run, ScoreRecorder recorder, bool normalizes)
    {
        int rows = (int)golden.Shape[1], size = (int)golden.Shape[2], beams = run.Settings.Beams, compared = 0;
        for (int step = 0; step < golden.Shape[0]; step++)
        {
            for (int row = 0; row < rows; row++)
            {
                if (!recorder.Scores.TryGetValue((row / beams, row % beams, run.Prompts[0].Tokens.Length + step), out float[]? own)) continue;
                float[] theirs = golden.Values[(((step * rows) + row) * size)..(((step * rows) + row + 1) * size)];
                if (normalizes) ScoreMath.LogSoftmax(theirs);
                compared++;
                for (int i = 0; i < size; i++)
                {
                    if (GenerationGoldens.Near(theirs[i], own[i], 2e-4)) continue;
                    yield return $"step {step}, row {row}, token {i}: {own[i]} instead of {theirs[i]}";
                    break;
                }
            }
        }
        if (compared == 0) yield return "nothing was compared";
    }
}
