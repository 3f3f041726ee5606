using System.Globalization;
using System.Text.Json;
using FineTuning.Models;
using FineTuning.Tensors;
using FineTuning.Training;
using TorchSharp;
using Xunit;
using static FineTuning.Tensors.Scalars;
using static TorchSharp.torch;

namespace FineTuning.Tests.Training;

/// <summary>Every optimizer alone, step by step, against PyTorch (and Hugging Face's Adafactor).</summary>
public sealed class GoldenOptimizerTests
{
    [Fact]
    public void Every_optimizer_equals_the_reference()
    {
        string folder = Goldens.Require("optimizers");
        using JsonDocument settings = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(folder, "golden.json")));
        using var scope = NewDisposeScope();
        using var golden = SafetensorsFile.Open(Path.Combine(folder, "golden.safetensors"));
        var differences = new List<string>();
        foreach (JsonProperty entry in settings.RootElement.EnumerateObject())
        {
            Optimizer optimizer = Parse(entry.Name, entry.Value.GetString()!);
            foreach (double divisor in new[] { 1.0, 8.0 })
            {
                using var weights = new WeightSet();
                Weight weight = weights.Add("w", golden.Read("start").clone(), WeightKind.Matrix, 0);
                using OptimizerState state = optimizer.CreateState();
                for (int k = 0; golden.Tensors.ContainsKey($"{entry.Name}.{k}"); k++)
                {
                    using var gradients = no_grad();
                    state.Step([weight], [golden.Read($"grad.{k}") * Held(divisor)], new UpdateSettings(optimizer.LearningRate, optimizer.WeightDecay, divisor));
                    double difference = (weight.Value - golden.Read($"{entry.Name}.{k}")).abs().max().item<float>();
                    if (!(difference <= 2e-6)) differences.Add($"{entry.Name}, step {k}, divisor {divisor}: {difference}");
                }
            }
        }
        Assert.True(differences.Count == 0, string.Join(Environment.NewLine, differences.Take(20)));
    }

    private static Optimizer Parse(string name, string text)
    {
        string[] words = text.Split([' ', ',', '(', ')'], StringSplitOptions.RemoveEmptyEntries);
        double Number(string key, double fallback, int offset = 1)
        {
            int at = Array.IndexOf(words, key);
            return at < 0 ? fallback : double.Parse(words[at + offset], CultureInfo.InvariantCulture);
        }
        double rate = Number("lr", 0.01), decay = Number("weight_decay", 0);
        return name.Split('-')[0] switch
        {
            "sgd" => Optimizer.Sgd(rate, Number("momentum", 0), decay, words.Contains("nesterov")),
            "adam" => Optimizer.Adam(rate, decay, Number("betas", 0.9), Number("betas", 0.999, 2)),
            "adamw" => Optimizer.AdamW(rate, Number("weight_decay", 0.01), Number("betas", 0.9), Number("betas", 0.999, 2), amsGrad: words.Contains("amsgrad")),
            "rmsprop" => Optimizer.RmsProp(rate, Number("alpha", 0.99), Number("momentum", 0), decay),
            "adagrad" => Optimizer.Adagrad(rate, decay),
            "radam" => Optimizer.RAdam(rate, decay),
            "nadam" => Optimizer.NAdam(rate, decay),
            "adafactor" => name.EndsWith("relative", StringComparison.Ordinal) ? Optimizer.Adafactor(null, scaleByWeight: true) : Optimizer.Adafactor(rate),
            _ => throw new InvalidDataException($"the optimizer '{name}' is unknown to this test"),
        };
    }

    [Fact]
    public void Lion_equals_its_definition()
    {
        using var scope = NewDisposeScope();
        using var gradients = no_grad();
        using var weights = new WeightSet();
        Weight weight = weights.Add("w", tensor(new float[] { 1, -2, 3 }), WeightKind.Matrix, 0);
        using OptimizerState state = Optimizer.Lion(0.1, 0.5, 0.9, 0.99).CreateState();
        double[] value = [1, -2, 3], momentum = [0, 0, 0];
        float[][] steps = [[1, -1, 2], [-3, 0.5f, -0.1f], [0.2f, 0.2f, 0]];
        foreach (float[] gradient in steps)
        {
            state.Step([weight], [tensor(gradient)], new UpdateSettings(0.1, 0.5, 1));
            for (int i = 0; i < 3; i++)
            {
                value[i] -= 0.1 * (Math.Sign((0.9 * momentum[i]) + (0.1 * gradient[i])) + (0.5 * value[i]));
                momentum[i] = (0.99 * momentum[i]) + (0.01 * gradient[i]);
                Assert.Equal(value[i], weight.Value[i].item<float>(), 1e-5);
            }
        }
    }
}
