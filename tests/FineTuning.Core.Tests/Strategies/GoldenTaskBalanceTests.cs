using System.Text.Json;
using FineTuning.Strategies;
using TorchSharp;
using Xunit;
using static FineTuning.Tensors.Scalars;
using static TorchSharp.torch;

namespace FineTuning.Tests.Strategies;

/// <summary>What balances tasks, against the reference's numbers.</summary>
public sealed class GoldenTaskBalanceTests
{
    [Fact]
    public void Projected_gradients_equal_the_reference()
    {
        foreach (JsonElement line in Lines("pcgrad"))
        {
            using var scope = NewDisposeScope();
            Tensor[][] gradients = [.. line.GetProperty("inputs").GetProperty("gradients").EnumerateArray().Select(row => new[] { tensor(Numbers(row).Select(value => (float)value).ToArray()) })];
            int[][] orders = [.. line.GetProperty("params").GetProperty("orders").EnumerateArray().Select(row => row.EnumerateArray().Select(value => value.GetInt32()).ToArray())];
            JsonElement outputs = line.GetProperty("outputs");
            for (int task = 0; task < gradients.Length; task++)
                Near(Numbers(outputs.GetProperty("projected")[task]), GradientProjection.Project(gradients, task, orders[task])[0].data<float>().Select(value => (double)value));
            Near(Numbers(outputs.GetProperty("sum")), GradientProjection.Sum(gradients, orders)[0].data<float>().Select(value => (double)value));
        }
    }

    [Fact]
    public void Gradient_norms_give_the_weights_of_the_reference()
    {
        foreach (JsonElement line in Lines("gradnorm"))
        {
            JsonElement parameters = line.GetProperty("params"), inputs = line.GetProperty("inputs");
            double[] initial = Numbers(inputs.GetProperty("initial_losses"));
            var weights = new GradientNormWeights(initial.Length, parameters.GetProperty("alpha").GetDouble(), parameters.GetProperty("learning_rate").GetDouble());
            initial.CopyTo(weights.Initial, 0);
            int step = 0;
            foreach (JsonElement expected in line.GetProperty("outputs").GetProperty("steps").EnumerateArray())
            {
                weights.Step(Numbers(inputs.GetProperty("losses")[step]), Numbers(inputs.GetProperty("gradient_norms")[step]));
                Near(Numbers(expected.EnumerateObject().Last(property => property.Name.Contains("weights", StringComparison.Ordinal)).Value), weights.Weights);
                step++;
            }
            Assert.True(step > 0, "the case has no steps");
        }
    }

    [Fact]
    public void Learned_uncertainties_weigh_losses_as_the_reference_does()
    {
        foreach (JsonElement line in Lines("uncertainty"))
        {
            using var scope = NewDisposeScope();
            string[] kinds = [.. line.GetProperty("params").GetProperty("tasks").EnumerateArray().Select(kind => kind.GetString()!)];
            double[] losses = Numbers(line.GetProperty("inputs").GetProperty("losses")), variances = Numbers(line.GetProperty("inputs").GetProperty("log_variance"));
            Tensor[] means = [.. losses.Select(value => tensor((float)value, requires_grad: true))], logs = [.. variances.Select(value => tensor((float)value, requires_grad: true))];
            // Each task has a share of 1 of the step here.
            Tensor sum = kinds.Select((kind, i) => MultiTaskModel.Weigh(means[i], logs[i], kind == "regression", 1)).Aggregate((one, other) => one.Plus(other));
            sum.backward();
            JsonElement gradients = line.GetProperty("grads");
            Near([line.GetProperty("outputs").GetProperty("loss").GetDouble()], [sum.Number()]);
            Near(Numbers(gradients.GetProperty("losses")), means.Select(mean => mean.grad!.Number()));
            Near(Numbers(gradients.GetProperty("log_variance")), logs.Select(log => log.grad!.Number()));
        }
    }

    private static void Near(IEnumerable<double> expected, IEnumerable<double> actual) =>
        Assert.All(expected.Zip(actual), pair => Assert.Equal(pair.First, pair.Second, 1e-6 + (1e-5 * Math.Abs(pair.First))));

    private static double[] Numbers(JsonElement list) => [.. list.EnumerateArray().Select(value => value.GetDouble())];

    private static List<JsonElement> Lines(string kind)
    {
        List<JsonElement> lines = [.. File.ReadLines(Path.Combine(Goldens.Require("losses"), "losses.jsonl")).Select(text => JsonDocument.Parse(text).RootElement)
            .Where(line => line.GetProperty("kind").GetString() == kind)];
        Assert.NotEmpty(lines);
        return lines;
    }
}
