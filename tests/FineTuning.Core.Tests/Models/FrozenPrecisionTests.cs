using FineTuning.Adapters;
using FineTuning.Heads;
using FineTuning.Models;
using FineTuning.Tensors;
using TorchSharp;
using Xunit;
using static FineTuning.Tensors.Scalars;
using static TorchSharp.torch;

namespace FineTuning.Tests.Models;

/// <summary>A trunk that is kept frozen in bfloat16 is the trunk with rounded weights: what trains on it, head and adapter, has the same gradients.</summary>
public sealed class FrozenPrecisionTests
{
    public static TheoryData<string, string> Cases() => ModelCase.FromGoldens();

    [Theory(SkipTestWithoutData = true)]
    [MemberData(nameof(Cases))]
    public void Gradients_are_those_of_rounded_weights(string family, string head)
    {
        using var scope = NewDisposeScope();
        ModelCase data = ModelCase.Open(family, head);
        using OutputHead half = data.Load(new ModelLoadOptions { FrozenPrecision = Precision.BFloat16, Dropout = 0.2 }), whole = data.Load(new ModelLoadOptions { Dropout = 0.2 });
        using (no_grad())
        {
            foreach (Weight weight in whole.Trunk.Weights)
            {
                weight.Value.copy_(weight.Value.to(ScalarType.BFloat16));
                weight.IsTrainable = false;
            }
        }
        Compare(half, whole, data);
        using ModelAdapters first = new(half), second = new(whole);
        foreach (ModelAdapters adapters in new[] { first, second }) adapters.Add(Adapter.Lora(rank: 2, alpha: 4).On(l => l.AllLinear()));
        foreach (OutputHead model in new[] { half, whole })
        {
            using var generator = new Generator(8);
            using var still = no_grad();
            foreach (Weight weight in model.Weights.Where(weight => weight.Name.Contains("lora_", StringComparison.Ordinal)))
                weight.Value.add_(randn(weight.Value.shape, ScalarType.Float32, generator: generator), Held(0.1f));
        }
        Assert.NotEqual(0, Compare(half, whole, data));
    }

    [Fact]
    public void A_head_is_loaded_with_it_by_name_and_its_memory_is_half()
    {
        string folder = Goldens.Require("pipelines", "bert-classify");
        using TextClassifier<string> model = Pretrained.TextClassifier<string>(folder, new TextClassifierOptions<string> { FrozenPrecision = Precision.BFloat16 });
        Assert.All(model.Head.Trunk.Weights, weight => Assert.Equal(ScalarType.BFloat16, weight.Value.dtype));
        Assert.Contains(model.Weights, weight => weight.IsTrainable);
        Assert.Contains("FrozenPrecision", Assert.Throws<Errors.InvalidOptionsException>(() => Pretrained.TextClassifier<string>(folder, new TextClassifierOptions<string> { FrozenPrecision = (Precision)7 })).Message, StringComparison.Ordinal);
    }

    private static int Compare(OutputHead half, OutputHead whole, ModelCase data)
    {
        Dictionary<string, Tensor> expected = Gradients(whole, data), found = Gradients(half, data);
        Assert.Equal(expected.Keys.Order(StringComparer.Ordinal), found.Keys.Order(StringComparer.Ordinal));
        foreach ((string name, Tensor theirs) in expected)
        {
            double difference = (theirs - found[name]).abs().max().Number(), bound = 1e-6 * Math.Max(1, theirs.abs().max().Number());
            Assert.True(difference <= bound, $"{name}: {difference} apart; {bound} is allowed");
        }
        return expected.Count;
    }

    private static Dictionary<string, Tensor> Gradients(OutputHead model, ModelCase data)
    {
        if (!model.Weights.Any(weight => weight.IsTrainable)) return [];
        TrunkInput input = model.Kind == HeadKind.SequenceToSequence ? new(data.Ids) { Source = data.Input() } : data.Input();
        Tensor output = ModelCase.Output(model, input, ForwardContext.For(new DropoutStream(1, 2, 3), Precision.Float32));
        using var generator = new Generator(5);
        if (output.requires_grad) (output * randn(output.shape, generator: generator)).sum().backward();
        var gradients = model.Weights.Where(weight => weight.Value.grad is not null).ToDictionary(weight => weight.Name, weight => weight.Value.grad!.clone());
        foreach (Weight weight in model.Weights) weight.Value.grad = null;
        return gradients;
    }
}
