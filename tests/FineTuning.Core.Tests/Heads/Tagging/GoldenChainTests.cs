using System.Text.Json;
using FineTuning.Heads;
using TorchSharp;
using Xunit;
using static FineTuning.Tensors.Scalars;
using static TorchSharp.torch;

namespace FineTuning.Tests.Heads.Tagging;

/// <summary>The CRF's loss, gradients, best paths and partition function against pytorch-crf.</summary>
public sealed class GoldenChainTests
{
    [Fact]
    public void Losses_gradients_and_paths_equal_the_reference()
    {
        string path = Path.Combine(Goldens.Require("losses"), "crf.jsonl");
        if (!File.Exists(path)) Assert.Skip("crf.jsonl is not among the goldens");
        var differences = new List<string>();
        int line = 0;
        foreach (string text in File.ReadLines(path))
        {
            using JsonDocument json = JsonDocument.Parse(text);
            using var scope = NewDisposeScope();
            differences.AddRange(Check(json.RootElement).Select(problem => $"line {line}: {problem}"));
            line++;
        }
        Assert.True(line > 0);
        Assert.True(differences.Count == 0, string.Join(Environment.NewLine, differences.Take(10)));
    }

    private static IEnumerable<string> Check(JsonElement test)
    {
        JsonElement inputs = test.GetProperty("inputs"), outputs = test.GetProperty("outputs");
        Tensor Leaf(string name, params long[] shape) => tensor(Flat(inputs.GetProperty(name)), shape).requires_grad_();
        int rows = inputs.GetProperty("emissions").GetArrayLength(), steps = inputs.GetProperty("emissions")[0].GetArrayLength(), count = inputs.GetProperty("start").GetArrayLength();
        int[] lengths = [.. inputs.GetProperty("lengths").EnumerateArray().Select(value => value.GetInt32())];
        Tensor emissions = Leaf("emissions", rows, steps, count), transitions = Leaf("transitions", count, count), start = Leaf("start", count), end = Leaf("end", count);
        Tensor tags = tensor(Flat(inputs.GetProperty("tags")).Select(tag => (long)tag).ToArray(), [rows, steps]);
        var chain = new LinearChain(transitions, start, end);
        Tensor each = chain.NegativeLogLikelihood(emissions, tags, LinearChain.Mask(lengths, steps, CPU)), sum = each.sum();
        string reduction = test.GetProperty("params").GetProperty("reduction").GetString()!;
        Tensor loss = reduction switch { "mean" => sum / Held(rows), "token_mean" => sum / Held(lengths.Sum()), _ => sum };
        if (outputs.GetProperty("loss").ValueKind == JsonValueKind.Number && !Near(outputs.GetProperty("loss").GetDouble(), loss.item<float>())) yield return $"loss {loss.item<float>()} instead of {outputs.GetProperty("loss")}";
        double[] theirs = [.. Flat(outputs.GetProperty("per_sequence")).Select(value => (double)value)];
        if (each.data<float>().ToArray().Zip(theirs).Any(pair => !Near(pair.Second, pair.First))) yield return "a sequence's loss differs";
        int[][] best = chain.BestPaths(emissions.detach(), lengths);
        for (int row = 0; row < rows; row++)
        {
            int[] expected = [.. outputs.GetProperty("viterbi")[row].EnumerateArray().Select(tag => tag.GetInt32())];
            if (!best[row].SequenceEqual(expected)) yield return $"path {string.Join(' ', best[row])} instead of {string.Join(' ', expected)}";
        }
        loss.backward();
        foreach ((string name, Tensor leaf) in new[] { ("emissions", emissions), ("transitions", transitions), ("start", start), ("end", end) })
        {
            // A sequence of one step has no transition: nothing reaches their gradient.
            JsonElement expected = test.GetProperty("grads").GetProperty(name);
            float[] own = leaf.grad is { } gradient ? gradient.data<float>().ToArray() : new float[leaf.numel()], reference = expected.ValueKind == JsonValueKind.Null ? new float[leaf.numel()] : Flat(expected);
            if (own.Zip(reference).Any(pair => Math.Abs(pair.First - pair.Second) > 1e-6 + (1e-4 * Math.Abs(pair.Second)))) yield return $"the gradient of the {name} differs";
        }
        foreach (string problem in Paths(emissions, transitions, start, end, lengths, outputs)) yield return problem;
    }

    private static IEnumerable<string> Paths(Tensor emissions, Tensor transitions, Tensor start, Tensor end, int[] lengths, JsonElement outputs)
    {
        for (int row = 0; row < lengths.Length; row++)
        {
            if (outputs.GetProperty("log_partition")[row].ValueKind != JsonValueKind.Number) continue;
            (double best, double partition, _) = PathEnumeration.Of(emissions.select(0, row).narrow(0, 0, lengths[row]), transitions, start, end);
            if (!Near(outputs.GetProperty("viterbi_score")[row].GetDouble(), best)) yield return $"best score {best}";
            if (!Near(outputs.GetProperty("log_partition")[row].GetDouble(), partition)) yield return $"partition {partition}";
        }
    }

    private static bool Near(double expected, double found) => Math.Abs(expected - found) <= 1e-5 * Math.Max(1, Math.Abs(expected));

    private static float[] Flat(JsonElement value) => value.ValueKind == JsonValueKind.Array ? [.. value.EnumerateArray().SelectMany(Flat)] : [value.GetSingle()];
}
