using System.Text.Json;
using FineTuning.Generation;
using FineTuning.Tensors;
using Xunit;

namespace FineTuning.Tests.Generation;

/// <summary>Each rule on scores alone, and all in their order, against the reference.</summary>
public sealed class GoldenProcessorTests
{
    [Fact]
    public void Scores_equal_the_reference()
    {
        IReadOnlyList<JsonElement> cases = GenerationGoldens.Lines(GenerationGoldens.RequireFile("processors.jsonl"));
        using var file = SafetensorsFile.Open(GenerationGoldens.RequireFile("processors.safetensors"));
        var differences = new List<string>();
        foreach (JsonElement test in cases)
        {
            string name = test.GetProperty("name").GetString()!;
            try
            {
                if (Check(test, name, file) is { } difference) differences.Add($"{name}: {difference}");
            }
            catch (Exception fault) when (fault is not Xunit.Sdk.XunitException)
            {
                differences.Add($"{name}: {fault.Message}");
            }
        }
        Assert.True(differences.Count == 0, string.Join(Environment.NewLine, differences.Take(20)));
    }

    private static string? Check(JsonElement test, string name, SafetensorsFile file)
    {
        (float[] scores, long[] shape) = GenerationGoldens.Floats(file, test.GetProperty("scores").GetString()!);
        (float[] expected, _) = GenerationGoldens.Floats(file, $"out.{name}");
        int rows = (int)shape[0], size = (int)shape[1];
        int? length = test.TryGetProperty("length", out JsonElement cut) ? cut.GetInt32() : null;
        int[][] ids = GenerationGoldens.IdRows(file, test.GetProperty("input_ids").GetString()!, length);
        int[][]? encoder = test.TryGetProperty("encoder_input_ids", out JsonElement source) ? GenerationGoldens.IdRows(file, source.GetString()!) : null;
        ProcessorChain chain = GoldenProcessors.Of(test, size);
        if (test.TryGetProperty("order", out JsonElement order) && GoldenProcessors.Order(order) is var wanted && !wanted.SequenceEqual(chain.Processors.Select(processor => processor.GetType().Name)))
        {
            return $"the order is {string.Join(", ", chain.Processors.Select(processor => processor.GetType().Name))} instead of {string.Join(", ", wanted)}";
        }
        int items = test.TryGetProperty("allowed_by_batch_item", out JsonElement lists) ? lists.GetArrayLength() : rows, beams = rows / items;
        for (int item = 0; item < items; item++)
        {
            int first = item * beams;
            int padding = test.TryGetProperty("prompt_ignore_length_per_row", out JsonElement ignored) ? ignored[first].GetInt32()
                : test.GetProperty("args").TryGetProperty("prompt_ignore_length", out JsonElement all) ? all.GetInt32() : 0;
            int[] before = encoder is not null ? encoder[first * encoder.Length / rows] : test.TryGetProperty("prompt_length", out JsonElement prompt) ? ids[first][..prompt.GetInt32()] : ids[first];
            chain.Apply(new ItemScores(scores.AsSpan(first * size, beams * size), ids.AsSpan(first, beams), ids[first].Length, new(item, before, padding, before)));
        }
        return Compare(test, expected, scores, size);
    }

    private static string? Compare(JsonElement test, float[] expected, float[] found, int size)
    {
        string mode = test.TryGetProperty("compare", out JsonElement compare) ? compare.GetString()! : "";
        for (int start = 0; start < expected.Length; start += size)
        {
            float[] theirs = expected[start..(start + size)], own = found[start..(start + size)];
            if (mode.StartsWith("kept>=", StringComparison.Ordinal))
            {
                int kept = own.Count(float.IsFinite);
                if (kept < int.Parse(mode[6..], System.Globalization.CultureInfo.InvariantCulture) || kept > theirs.Count(float.IsFinite) + 1)
                {
                    return $"{kept} tokens are kept";
                }
                continue;
            }
            if (mode == "sorted")
            {
                Array.Sort(theirs);
                Array.Sort(own);
            }
            for (int i = 0; i < size; i++)
            {
                if (!GenerationGoldens.Near(theirs[i], own[i], 1e-6, 1e-5)) return $"row {start / size}, token {i}: {own[i]} instead of {theirs[i]}";
            }
        }
        return null;
    }
}
