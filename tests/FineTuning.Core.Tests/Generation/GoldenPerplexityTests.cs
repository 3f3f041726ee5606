using System.Text.Json;
using FineTuning.Heads;
using FineTuning.Models;
using FineTuning.Tensors;
using TorchSharp;
using Xunit;
using static TorchSharp.torch;

namespace FineTuning.Tests.Generation;

/// <summary>Log-probabilities of texts and perplexity, also of long texts through a window, against the reference.</summary>
public sealed class GoldenPerplexityTests
{
    [Theory]
    [InlineData("sequence")]
    [InlineData("batch")]
    [InlineData("sliding")]
    [InlineData("choices")]
    [InlineData("seq2seq")]
    public void Equals_the_reference(string kind)
    {
        using SafetensorsFile file = SafetensorsFile.Open(GenerationGoldens.RequireFile("perplexity", "golden.safetensors"));
        int compared = 0;
        foreach (JsonElement test in GenerationGoldens.Lines(GenerationGoldens.RequireFile("perplexity", "cases.jsonl")).Where(line => line.GetProperty("kind").GetString() == kind))
        {
            string family = test.GetProperty("model").GetString()!;
            if (!GoldenModel.Knows(family)) continue;
            using OutputHead head = GoldenModel.Require(family).Load();
            Compare(kind, test, head, file);
            compared++;
        }
        if (compared == 0) Assert.Skip($"no case of the kind {kind} is of a known family");
    }

    private static void Compare(string kind, JsonElement test, OutputHead head, SafetensorsFile file)
    {
        string name = test.GetProperty("name").GetString()!;
        switch (kind)
        {
            case "sequence":
                float[] scores = Scores(head, GenerationGoldens.Ids(test.GetProperty("ids")));
                Near(Numbers(test.GetProperty("log_probs")), scores[1..], name);
                Relative(test.GetProperty("perplexity").GetDouble(), Math.Exp(-Sum(scores) / (scores.Length - 1)), name);
                break;
            case "batch":
                int[] lengths = [.. test.GetProperty("row_tokens").EnumerateArray().Select(count => count.GetInt32() + 1)];
                float[][] rows = [.. GenerationGoldens.Rows(test.GetProperty("input_ids")).Select((row, i) => Scores(head, row[..lengths[i]]))];
                Relative(test.GetProperty("perplexity_over_tokens").GetDouble(), Math.Exp(-rows.Sum(Sum) / lengths.Sum(length => length - 1)), name);
                break;
            case "sliding":
                int[] ids = Long(file, test.GetProperty("ids").GetString()!);
                float[] slid = Scores(head, ids, test.GetProperty("window").GetInt32(), test.GetProperty("stride").GetInt32());
                Near([.. GenerationGoldens.Floats(file, name + ".log_probs").Values.Select(value => (double)value)], slid, name);
                int tokens = slid.Count(score => !float.IsNaN(score));
                Assert.Equal(test.GetProperty("tokens").GetInt32(), tokens);
                Relative(test.GetProperty("perplexity").GetDouble(), Math.Exp(-Sum(slid) / tokens), name);
                break;
            case "choices":
                int[] prompt = GenerationGoldens.Ids(test.GetProperty("prompt"));
                foreach (JsonElement choice in test.GetProperty("choices").EnumerateArray())
                {
                    float[] whole = Scores(head, [.. prompt, .. GenerationGoldens.Ids(choice.GetProperty("ids"))]);
                    Near(Numbers(choice.GetProperty("log_probs")), whole[prompt.Length..], name);
                }
                break;
            default:
                Targets(test, head, name);
                break;
        }
    }

    private static void Targets(JsonElement test, OutputHead head, string name)
    {
        bool[][] mask = GenerationGoldens.Mask(test)!;
        int[][] sources = [.. GenerationGoldens.Rows(test.GetProperty("input_ids")).Select((row, i) => row.Where((_, column) => mask[i][column]).ToArray())];
        int[][] targets = [.. GenerationGoldens.Rows(test.GetProperty("labels")).Select(row => row.Where(id => id >= 0).ToArray())];
        using var scope = NewDisposeScope();
        using var gradients = no_grad();
        int start = head.Trunk.Plan.DecoderStartTokenId!.Value, pad = head.Trunk.Plan.PadTokenId ?? 0;
        SourceTargetRow[] rows = [.. sources.Zip(targets, (source, target) => new SourceTargetRow(source, target, 1))];
        double[] expected = [.. test.GetProperty("log_probs").EnumerateArray().Select(row => -Numbers(row).Sum())];
        double together = new LanguageLoss(head, 0).Sum(LanguageBatch.OfPairs(rows, pad, start, CPU), ForwardContext.Evaluation()).Number();
        Relative(expected.Sum(), together, name);
        for (int row = 0; row < rows.Length; row++)
        {
            Relative(expected[row], new LanguageLoss(head, 0).Sum(LanguageBatch.OfPairs([rows[row]], pad, start, CPU), ForwardContext.Evaluation()).Number(), $"{name}, row {row}");
        }
    }

    private static float[] Scores(OutputHead head, int[] ids, int? window = null, int? stride = null) =>
        TextLikelihood.Of(head, ids, window ?? ids.Length, stride ?? window ?? ids.Length, Precision.Float32, CancellationToken.None);

    private static int[] Long(SafetensorsFile file, string name)
    {
        using var scope = NewDisposeScope();
        return [.. file.Read(name).data<long>().ToArray().Select(id => (int)id)];
    }

    private static double Sum(float[] scores) => scores.Where(score => !float.IsNaN(score)).Sum(score => (double)score);

    private static double[] Numbers(JsonElement list) => [.. list.EnumerateArray().Select(GenerationGoldens.Number)];

    private static void Near(double[] expected, float[] found, string name)
    {
        Assert.Equal(expected.Length, found.Length);
        for (int i = 0; i < found.Length; i++) Assert.True(GenerationGoldens.Near(expected[i], found[i], 5e-4), $"{name}, token {i}: {found[i]} instead of {expected[i]}");
    }

    private static void Relative(double expected, double found, string name) => Assert.True(Math.Abs(expected - found) <= 1e-4 * Math.Abs(expected), $"{name}: {found} instead of {expected}");
}
