using FineTuning.Adapters;
using FineTuning.Heads;
using FineTuning.Models;
using FineTuning.Tensors;
using TorchSharp;
using Xunit;
using static FineTuning.Tensors.Scalars;
using static TorchSharp.torch;

namespace FineTuning.Tests.Models;

/// <summary>Gradients are the same whether the insides of layers are kept or computed again: every family with every head, with dropout.</summary>
public sealed class CheckpointingLawTests
{
    private const double Nearness = 1e-6;

    public static TheoryData<string, string> Cases() => ModelCase.All([.. ModelCase.Heads.Keys]);

    [Theory(SkipTestWithoutData = true)]
    [MemberData(nameof(Cases))]
    public void All_layers_and_some(string family, string head)
    {
        using var scope = NewDisposeScope();
        ModelCase data = ModelCase.Open(family, head);
        using OutputHead model = data.Load(new ModelLoadOptions { Dropout = 0.3 });
        int[] all = Depths(model);
        Compare(model, data, all);
        Compare(model, data, [all[^1]]);
        Compare(model, data, [all[0]]);
    }

    [Theory(SkipTestWithoutData = true)]
    [MemberData(nameof(Cases))]
    public void With_frozen_layers_below_and_between(string family, string head)
    {
        using var scope = NewDisposeScope();
        ModelCase data = ModelCase.Open(family, head);
        using OutputHead model = data.Load(new ModelLoadOptions { Dropout = 0.3 });
        int[] all = Depths(model);
        foreach (Weight weight in model.Weights) weight.IsTrainable = weight.Depth >= 2;
        Compare(model, data, all);
        foreach (Weight weight in model.Weights) weight.IsTrainable = weight.Depth != all[^1];
        Compare(model, data, all);
        foreach (Weight weight in model.Weights) weight.IsTrainable = weight.Kind == WeightKind.Norm;
        Compare(model, data, all);
    }

    [Theory(SkipTestWithoutData = true)]
    [MemberData(nameof(Cases))]
    public void With_an_adapter(string family, string head)
    {
        using var scope = NewDisposeScope();
        ModelCase data = ModelCase.Open(family, head);
        using OutputHead model = data.Load(new ModelLoadOptions { Dropout = 0.2 });
        using var adapters = new ModelAdapters(model);
        adapters.Add((Adapter.Lora(rank: 2, alpha: 4) with { Dropout = 0.2 }).On(l => l.AllLinear()));
        using var generator = new Generator(8);
        using (no_grad())
        {
            foreach (Weight weight in model.Weights.Where(weight => weight.IsTrainable))
                weight.Value.add_(randn(weight.Value.shape, ScalarType.Float32, generator: generator), Held(0.1f));
        }
        Compare(model, data, Depths(model));
    }

    [Theory(SkipTestWithoutData = true)]
    [MemberData(nameof(Cases))]
    public void In_bfloat16(string family, string head)
    {
        using var scope = NewDisposeScope();
        ModelCase data = ModelCase.Open(family, head);
        using OutputHead model = data.Load(new ModelLoadOptions { Dropout = 0.2 });
        // The gradients of a weight that several layers share are added up in another type.
        Compare(model, data, Depths(model), Precision.BFloat16, 2e-2);
    }

    private static int[] Depths(OutputHead model) =>
        [.. model.Weights.Select(weight => weight.Depth).Where(depth => depth > 0 && depth < model.Weights.HeadDepth).Distinct().Order()];

    private static void Compare(OutputHead model, ModelCase data, int[] depths, Precision precision = Precision.Float32, double nearness = Nearness)
    {
        Dictionary<string, Tensor?> plain = Gradients(model, data, null, precision, out double loss);
        var again = new RecomputedLayers(depths.ToHashSet());
        Dictionary<string, Tensor?> recomputed = Gradients(model, data, again, precision, out double sameLoss);
        Assert.True(again.Count > 0, "no layer was computed again");
        Assert.Equal(loss, sameLoss);
        Assert.Contains(plain.Values, gradient => gradient is not null);
        foreach ((string name, Tensor? expected) in plain)
        {
            Assert.Equal(expected is null, recomputed[name] is null);
            if (expected is null) continue;
            double difference = (expected - recomputed[name]!).abs().max().Number(), largest = Math.Max(1, expected.abs().max().Number());
            Assert.True(difference <= nearness * largest, $"{name}: {difference} apart; {nearness * largest} is allowed");
        }
    }

    private static Dictionary<string, Tensor?> Gradients(OutputHead model, ModelCase data, RecomputedLayers? again, Precision precision, out double loss)
    {
        using var scope = NewDisposeScope();
        ForwardContext pass = ForwardContext.For(new DropoutStream(1, 2, 3), precision, again);
        TrunkInput input = model.Kind == HeadKind.SequenceToSequence ? new(data.Ids) { Source = data.Input() } : data.Input();
        Tensor output = ModelCase.Output(model, input, pass);
        if (output.dim() == 3 && model.Kind != HeadKind.SequenceToSequence) output = output * data.Mask.unsqueeze(2);
        using var generator = new Generator(5);
        Tensor sum = (output * randn(output.shape, generator: generator).to(output.dtype)).sum();
        sum.backward();
        BackwardFaults.ThrowKept();
        loss = sum.Number();
        var gradients = model.Weights.ToDictionary(weight => weight.Name, weight => weight.Value.grad?.clone().MoveToOuterDisposeScope());
        foreach (Weight weight in model.Weights) weight.Value.grad = null;
        return gradients;
    }
}
