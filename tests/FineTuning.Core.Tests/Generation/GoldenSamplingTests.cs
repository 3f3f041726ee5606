using System.Text.Json;
using FineTuning.Generation;
using FineTuning.Tensors;
using Xunit;

namespace FineTuning.Tests.Generation;

/// <summary>The distribution that tokens are drawn from, against the reference's.</summary>
public sealed class GoldenSamplingTests
{
    [Fact]
    public void Probabilities_of_the_first_token_equal_the_reference()
    {
        using var file = SafetensorsFile.Open(GenerationGoldens.RequireFile("sampling", "golden.safetensors"));
        var differences = new List<string>();
        foreach (JsonElement test in GenerationGoldens.Lines(GenerationGoldens.RequireFile("sampling", "cases.jsonl")))
        {
            string name = test.GetProperty("name").GetString()!, model = test.GetProperty("model").GetString()!;
            (float[] scores, long[] shape) = GenerationGoldens.Floats(file, model + ".logits");
            (float[] expected, _) = GenerationGoldens.Floats(file, name + ".probs");
            int size = (int)shape[1];
            (IReadOnlyList<SearchPrompt> prompts, GenerationSettings settings) = Settings(test, model, size, GenerationGoldens.Rows(test.GetProperty("input_ids")), GenerationGoldens.Mask(test));
            ProcessorChain chain = ProcessorChain.Of(settings);
            for (int row = 0; row < shape[0]; row++)
            {
                Span<float> own = scores.AsSpan(row * size, size);
                chain.Apply(new ItemScores(own, new[] { prompts[row].Tokens }, prompts[row].Tokens.Length, prompts[row]));
                double sum = ScoreMath.LogSumExp(own);
                for (int i = 0; i < size; i++)
                {
                    double probability = Math.Exp(own[i] - sum), theirs = expected[(row * size) + i];
                    if (Math.Abs(probability - theirs) > 1e-5 || (probability == 0) != (theirs == 0))
                    {
                        differences.Add($"{name}, row {row}, token {i}: {probability} instead of {theirs}");
                    }
                }
            }
        }
        Assert.True(differences.Count == 0, string.Join(Environment.NewLine, differences.Take(20)));
    }

    [Fact]
    public void Probabilities_of_continuations_equal_the_reference()
    {
        var differences = new List<string>();
        int compared = 0;
        foreach (JsonElement test in GenerationGoldens.Lines(GenerationGoldens.RequireFile("sampling", "cases.jsonl")))
        {
            string name = test.GetProperty("name").GetString()!, family = test.GetProperty("model").GetString()!;
            if (!GoldenModel.Knows(family)) continue;
            GoldenModel model = GoldenModel.Require(family);
            int[] prompt = GenerationGoldens.Ids(test.GetProperty("continuation_prompt"));
            foreach (JsonElement continuation in test.GetProperty("continuations").EnumerateArray())
            {
                int[] ids = GenerationGoldens.Ids(continuation.GetProperty("ids"));
                double[] expected = [.. continuation.GetProperty("log_probs").EnumerateArray().Select(GenerationGoldens.Number)];
                double[] own = LogProbabilities(model, test, family, prompt, ids);
                for (int i = 0; i < ids.Length; i++)
                {
                    if (!GenerationGoldens.Near(expected[i], own[i], 5e-4))
                    {
                        differences.Add($"{name}, {string.Join(' ', ids)}, token {i}: {own[i]} instead of {expected[i]}");
                    }
                }
                compared++;
            }
        }
        if (compared == 0) Assert.Skip("no model of these cases has a source of scores");
        Assert.True(differences.Count == 0, string.Join(Environment.NewLine, differences.Take(20)));
    }

    private static double[] LogProbabilities(GoldenModel model, JsonElement test, string family, int[] prompt, int[] ids)
    {
        (IReadOnlyList<SearchPrompt> prompts, GenerationSettings settings) = Settings(test, family, model.VocabularySize, [prompt], null);
        ProcessorChain chain = ProcessorChain.Of(settings);
        using IScoreSource source = model.Open(model.IsEncoderDecoder ? [prompt] : null, null);
        float[] scores = new float[model.VocabularySize];
        var result = new double[ids.Length];
        int[] text = prompts[0].Tokens;
        source.Start([text], [0], scores);
        for (int i = 0; i < ids.Length; i++)
        {
            chain.Apply(new ItemScores(scores, new[] { text }, text.Length, prompts[0]));
            result[i] = scores[ids[i]] - ScoreMath.LogSumExp(scores);
            text = [.. text, ids[i]];
            source.Next([ids[i]], [0], scores);
        }
        return result;
    }

    private static (IReadOnlyList<SearchPrompt> Prompts, GenerationSettings Settings) Settings(JsonElement test, string family, int size, int[][] ids, bool[][]? mask)
    {
        string folder = GenerationGoldens.Require(family);
        GenerationOptions options = GenerationGoldens.Options(folder, test.GetProperty("args"));
        IReadOnlyList<SearchPrompt> prompts = options.DecoderStartTokenId is { } start ? PromptRows.ForEncoderDecoder(ids, null, start)
            : PromptRows.ForDecoder(ids, mask, options.PadTokenId, options.EosTokenId ?? []);
        return (prompts, GenerationSettings.Of(options, new(prompts[0].Tokens.Length, size)));
    }
}
