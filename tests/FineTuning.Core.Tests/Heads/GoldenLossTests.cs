using System.Text.Json;
using FineTuning.Heads;
using TorchSharp;
using Xunit;
using static FineTuning.Tensors.Scalars;
using static TorchSharp.torch;

namespace FineTuning.Tests.Heads;

/// <summary>Losses and their gradients against PyTorch; our sums are divided by our counts first.</summary>
public sealed class GoldenLossTests
{
    [Fact]
    public void Losses_and_gradients_equal_the_reference()
    {
        string path = Path.Combine(Goldens.Require("losses"), "losses.jsonl");
        var differences = new List<string>();
        int line = 0, compared = 0;
        foreach (string text in File.ReadLines(path))
        {
            line++;
            using JsonDocument json = JsonDocument.Parse(text);
            using var scope = NewDisposeScope();
            if (Compute(json.RootElement) is not { } result) continue;
            compared++;
            JsonElement expected = json.RootElement.GetProperty("outputs").GetProperty("loss");
            if (expected.ValueKind == JsonValueKind.Number && !Near(expected.GetDouble(), result.Loss.item<float>())) differences.Add($"line {line}: loss {result.Loss.item<float>()} instead of {expected}");
            if (!json.RootElement.TryGetProperty("grads", out JsonElement gradients) || !gradients.TryGetProperty(result.InputName, out JsonElement reference)) continue;
            result.Loss.backward();
            float[] own = result.Input.grad!.data<float>().ToArray();
            double[] theirs = Flat(reference);
            if (own.Zip(theirs).Any(pair => Math.Abs(pair.First - pair.Second) > 1e-6 + (1e-4 * Math.Abs(pair.Second)))) differences.Add($"line {line}: the gradient differs");
        }
        Assert.True(compared > 0, "no loss of the file is one of ours");
        Assert.True(differences.Count == 0, string.Join(Environment.NewLine, differences.Take(10)));
    }

    private static (Tensor Loss, Tensor Input, string InputName)? Compute(JsonElement line)
    {
        JsonElement parameters = line.GetProperty("params"), inputs = line.GetProperty("inputs");
        string reduction = parameters.TryGetProperty("reduction", out JsonElement way) ? way.GetString()! : "mean";
        if (reduction is not ("mean" or "sum")) return null;
        double Parameter(string name) => parameters.TryGetProperty(name, out JsonElement value) && value.ValueKind == JsonValueKind.Number ? value.GetDouble() : 0;
        Tensor? Vector(string name) => Find(inputs, name) is { } value || (Find(parameters, name) is { } other && (value = other).ValueKind == JsonValueKind.Array)
            ? tensor(Flat(value).Select(number => (float)number).ToArray()) : null;
        switch (line.GetProperty("kind").GetString())
        {
            case "cross_entropy":
            case "focal":
                long[] targets = [.. inputs.GetProperty("target").EnumerateArray().Select(value => value.GetInt64())];
                int[] counted = [.. Enumerable.Range(0, targets.Length).Where(i => targets[i] != -100)];
                if (counted.Length == 0) return null;
                Tensor logits = Matrix(inputs.GetProperty("logits"));
                Tensor own = logits.index_select(0, tensor(counted.Select(i => (long)i).ToArray()));
                Tensor labels = tensor(counted.Select(i => targets[i]).ToArray());
                Tensor? weights = Vector("weight") ?? Vector("alpha");
                bool focal = line.GetProperty("kind").GetString() == "focal";
                Tensor sum = focal ? Losses.Focal(own, labels, null, weights, Parameter("gamma")) : Losses.CrossEntropy(own, labels, null, weights, Parameter("label_smoothing"));
                double count = focal || weights is null ? counted.Length : counted.Sum(i => weights[targets[i]].item<float>());
                return (reduction == "sum" ? sum : sum / Held(count), logits, "logits");
            case "bce_with_logits":
                if (Find(inputs, "weight") is not null || Find(parameters, "weight") is not null) return null;
                Tensor scores = Matrix(inputs.GetProperty("logits"));
                Tensor entries = Losses.BinaryCrossEntropy(scores, Matrix(inputs.GetProperty("target")).detach(), null, Vector("pos_weight"));
                return (reduction == "sum" ? entries : entries / Held(scores.numel()), scores, "logits");
            case "mse":
                Tensor prediction = tensor(Flat(inputs.GetProperty("prediction")).Select(number => (float)number).ToArray(), requires_grad: true);
                Tensor wanted = tensor(Flat(inputs.GetProperty("target")).Select(number => (float)number).ToArray());
                return (Losses.SquaredError(prediction, wanted, null) / Held(prediction.numel()), prediction, "prediction");
            default:
                return null;
        }
    }

    private static JsonElement? Find(JsonElement element, string name) =>
        element.TryGetProperty(name, out JsonElement value) && value.ValueKind != JsonValueKind.Null ? value : null;

    private static Tensor Matrix(JsonElement rows)
    {
        int height = rows.GetArrayLength(), width = rows[0].GetArrayLength();
        return tensor(Flat(rows).Select(number => (float)number).ToArray(), [height, width], requires_grad: true);
    }

    private static double[] Flat(JsonElement element) =>
        element.ValueKind == JsonValueKind.Array ? [.. element.EnumerateArray().SelectMany(Flat)] : [element.GetDouble()];

    private static bool Near(double expected, double actual) => Math.Abs(expected - actual) <= 1e-5 * Math.Max(1e-3, Math.Abs(expected));
}
