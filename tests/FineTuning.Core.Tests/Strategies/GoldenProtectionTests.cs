using System.Text.Json;
using FineTuning.Heads;
using FineTuning.Strategies;
using TorchSharp;
using Xunit;
using static FineTuning.Tensors.Scalars;
using static TorchSharp.torch;

namespace FineTuning.Tests.Strategies;

/// <summary>What protects old tasks, against the reference's numbers.</summary>
public sealed class GoldenProtectionTests
{
    [Fact]
    public void The_gradient_of_elastic_weights_equals_the_reference()
    {
        foreach (JsonElement line in Lines("ewc"))
        {
            using var scope = NewDisposeScope();
            JsonElement inputs = line.GetProperty("inputs");
            Tensor value = Matrix(inputs.GetProperty("parameter")), start = Matrix(inputs.GetProperty("anchor")), gradient = zeros_like(value);
            ElasticPenalty.AddGradient(gradient, value, start, Matrix(inputs.GetProperty("fisher")), line.GetProperty("params").GetProperty("lam").GetDouble());
            Near(Flat(line.GetProperty("grads").GetProperty("parameter")), gradient, 1e-5);
            // The penalty is quadratic: half of its gradient along the way from the start is its value.
            double penalty = (gradient * value.add(start, Held(-1))).sum().Number() / 2;
            Assert.Equal(1, penalty / line.GetProperty("outputs").GetProperty("loss").GetDouble(), 1e-5);
        }
    }

    [Fact]
    public void The_fisher_information_equals_the_reference()
    {
        foreach (JsonElement line in Lines("ewc_fisher"))
        {
            using var scope = NewDisposeScope();
            JsonElement inputs = line.GetProperty("inputs");
            Tensor weight = Matrix(inputs.GetProperty("weight")).requires_grad_(), other = zeros(2, requires_grad: true), rows = Matrix(inputs.GetProperty("x"));
            long[] targets = [.. inputs.GetProperty("target").EnumerateArray().Select(value => value.GetInt64())];
            Tensor[] fisher = ElasticPenalty.Fisher([weight, other], targets.Select<long, Func<Tensor>>((target, i) =>
                () => nn.functional.cross_entropy(nn.functional.linear(rows.narrow(0, i, 1), weight), tensor(new[] { target }))));
            Near(Flat(line.GetProperty("outputs").GetProperty("fisher")), fisher[0], 1e-5);
            Assert.Equal(0, fisher[1].abs().max().Number());
            Assert.Null(weight.grad);
            foreach (Tensor own in fisher) own.Dispose();
        }
    }

    [Fact]
    public void Distillation_equals_the_reference()
    {
        foreach (JsonElement line in Lines("kd"))
        {
            using var scope = NewDisposeScope();
            JsonElement inputs = line.GetProperty("inputs"), settings = line.GetProperty("params");
            Tensor student = Matrix(inputs.GetProperty("student")).requires_grad_();
            long[] targets = [.. inputs.GetProperty("target").EnumerateArray().Select(value => value.GetInt64())];
            double share = settings.GetProperty("alpha").GetDouble(), temperature = settings.GetProperty("temperature").GetDouble();
            Tensor apart = TaughtModel.Divergence(student, Matrix(inputs.GetProperty("teacher")), temperature, ones(targets.Length));
            Tensor loss = ((Losses.CrossEntropy(student, tensor(targets), null, null, 0) * Held(1 - share)).Plus(apart * Held(share))) / Held((double)targets.Length);
            Assert.Equal(line.GetProperty("outputs").GetProperty("loss").GetDouble(), loss.Number(), 1e-5);
            loss.backward();
            Near(Flat(line.GetProperty("grads").GetProperty("student")), student.grad!, 1e-4);
        }
    }

    [Fact]
    public void Distillation_of_words_equals_the_reference()
    {
        foreach (JsonElement line in Lines("kd_tokens"))
        {
            using var scope = NewDisposeScope();
            JsonElement inputs = line.GetProperty("inputs");
            int words = inputs.GetProperty("student")[0][0].GetArrayLength();
            Tensor Rows(string name) => tensor(Flat(inputs.GetProperty(name)).Select(value => (float)value).ToArray()).reshape(-1, words);
            float[] counts = [.. Flat(inputs.GetProperty("labels")).Select(label => label < 0 ? 0f : 1f)];
            Tensor student = Rows("student").requires_grad_();
            double temperature = line.GetProperty("params").GetProperty("temperature").GetDouble();
            Tensor loss = TaughtModel.Divergence(student, Rows("teacher"), temperature, tensor(counts)) / Held((double)counts.Sum());
            Assert.Equal(line.GetProperty("outputs").GetProperty("loss").GetDouble(), loss.Number(), 1e-5);
            loss.backward();
            Near(Flat(line.GetProperty("grads").GetProperty("student")), student.grad!, 1e-4);
        }
    }

    private static List<JsonElement> Lines(string kind)
    {
        var lines = new List<JsonElement>();
        foreach (string text in File.ReadLines(Path.Combine(Goldens.Require("losses"), "losses.jsonl")))
        {
            using JsonDocument json = JsonDocument.Parse(text);
            if (json.RootElement.GetProperty("kind").GetString() == kind) lines.Add(json.RootElement.Clone());
        }
        Assert.NotEmpty(lines);
        return lines;
    }

    private static Tensor Matrix(JsonElement rows) =>
        tensor(Flat(rows).Select(value => (float)value).ToArray(), [rows.GetArrayLength(), rows[0].GetArrayLength()]);

    private static double[] Flat(JsonElement element) =>
        element.ValueKind == JsonValueKind.Array ? [.. element.EnumerateArray().SelectMany(Flat)] : [element.GetDouble()];

    private static void Near(double[] expected, Tensor actual, double tolerance) =>
        Assert.All(expected.Zip(actual.data<float>().ToArray()), pair => Assert.Equal(pair.First, pair.Second, tolerance * Math.Max(0.1, Math.Abs(pair.First))));
}
