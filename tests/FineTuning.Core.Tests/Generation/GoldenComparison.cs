using System.Text.Json;
using FineTuning.Generation;

namespace FineTuning.Tests.Generation;

/// <summary>What a run has against what the reference returned.</summary>
internal static class GoldenComparison
{
    public static IEnumerable<string> Texts(JsonElement test, GoldenRun run)
    {
        int[][] expected = GenerationGoldens.Rows(test.GetProperty("sequences"));
        if (expected.Length != run.Texts.Count) yield return $"{run.Texts.Count} texts instead of {expected.Length}";
        int longest = run.Texts.Max(text => text.Tokens.Length) + run.Prompts[0].Tokens.Length;
        if (expected[0].Length != longest) yield return $"{longest} columns instead of {expected[0].Length}";
        for (int row = 0; row < Math.Min(expected.Length, run.Texts.Count); row++)
        {
            Generated text = run.Texts[row];
            int[] own = [.. run.Prompts[text.Prompt].Tokens, .. text.Tokens];
            bool fits = expected[row].AsSpan().StartsWith(own) && (run.Fill is not { } fill || !expected[row].AsSpan(own.Length).ContainsAnyExcept(fill));
            if (!fits) yield return $"row {row}: {string.Join(' ', own)} instead of {string.Join(' ', expected[row])}";
        }
    }

    public static IEnumerable<string> Beams(JsonElement test, GoldenRun run)
    {
        int count = run.Texts.Count;
        if (test.TryGetProperty("sequences_scores", out JsonElement scores))
        {
            for (int row = 0; row < count; row++)
            {
                if (!GenerationGoldens.Near(scores[row].GetDouble(), run.Texts[row].Score!.Value, 2e-4))
                {
                    yield return $"row {row} has the score {run.Texts[row].Score} instead of {scores[row]}";
                }
            }
        }
        if (test.TryGetProperty("beam_indices", out JsonElement parents))
        {
            for (int row = 0; row < count; row++)
            {
                int[] theirs = [.. GenerationGoldens.Ids(parents[row]).TakeWhile(index => index >= 0)];
                if (!theirs.SequenceEqual(run.Texts[row].Parents!))
                {
                    yield return $"row {row} came by {string.Join(' ', run.Texts[row].Parents!)} instead of {string.Join(' ', theirs)}";
                }
            }
        }
        if (test.TryGetProperty("transition_scores", out JsonElement transitions))
        {
            for (int row = 0; row < count; row++)
            {
                float[] own = run.Texts[row].LogProbabilities!;
                for (int step = 0; step < own.Length; step++)
                {
                    if (!GenerationGoldens.Near(GenerationGoldens.Number(transitions[row][step]), own[step], 2e-4))
                    {
                        yield return $"row {row}, token {step} has {own[step]} instead of {transitions[row][step]}";
                    }
                }
            }
        }
    }
}
