using FineTuning.Models;
using FineTuning.Tests.Models;
using FineTuning.Tensors;
using TorchSharp;
using Xunit;
using static FineTuning.Tensors.Scalars;
using static TorchSharp.torch;

namespace FineTuning.Tests.Training;

/// <summary>Outputs and gradients above the border are the same from kept states: every family with every head, whatever the border is.</summary>
public sealed class KeptStatesLawTests
{
    private const double Nearness = 2e-5;

    public static TheoryData<string, string> Cases() => ModelCase.All([.. ModelCase.Heads.Keys.Where(head => head != "base")]);

    [Theory(SkipTestWithoutData = true)]
    [MemberData(nameof(Cases))]
    public void Every_border(string family, string head)
    {
        using var scope = NewDisposeScope();
        ModelCase data = ModelCase.Open(family, head);
        using OutputHead model = data.Load(new ModelLoadOptions { Dropout = 0.3 });
        int borders = 0;
        for (int border = 1; border <= model.Weights.HeadDepth; border++)
        {
            foreach (Weight weight in model.Weights) weight.IsTrainable = weight.Depth >= border;
            FrozenLayers layers = model.Trunk.FrozenLayers();
            if (!layers.Any || !model.Weights.Any(weight => weight.IsTrainable)) continue;
            borders++;
            Check(model, data, layers);
        }
        // Where all layers share their weights, or see their batch's length, there is one border or none.
        Assert.True(borders > 0 || family.Contains("albert", StringComparison.Ordinal) || model.Trunk.Plan.Decoder is not null, $"{family} has no border");
    }

    private static void Check(OutputHead model, ModelCase data, FrozenLayers layers)
    {
        using var states = new Kept(model.Trunk, layers);
        TrunkInput Input(int more)
        {
            TrunkInput whole = model.Kind == HeadKind.SequenceToSequence ? new(Padded(data.Ids, more)) { Source = Text(data, more), Lengths = [.. data.Ids.shape.Take(1).SelectMany(rows => Enumerable.Repeat((int)data.Ids.shape[1], (int)rows))], PadsRight = true } : Text(data, more);
            return whole;
        }
        using (no_grad())
        {
            states.IsFilling = true;
            ModelCase.Output(model, Input(0), Pass(states));
            states.IsFilling = false;
        }
        Assert.True(states.Computed > 0);
        states.Computed = 0;
        (Tensor plain, Dictionary<string, Tensor> gradients) = Gradients(model, data, Input(0), null);
        foreach (int more in new[] { 0, 3 })
        {
            (Tensor kept, Dictionary<string, Tensor> same) = Gradients(model, data, Input(more), states);
            Assert.Equal(0, states.Computed);
            Near(plain, kept, "the output");
            Assert.Equal(gradients.Keys.Order(), same.Keys.Order());
            foreach ((string name, Tensor expected) in gradients) Near(expected, same[name], name);
        }
    }

    private static ForwardContext Pass(IFrozenStates? states) => ForwardContext.For(null, Precision.Float32, null, states);

    private static TrunkInput Text(ModelCase data, int more)
    {
        Tensor mask = data.Mask;
        // Only rows that are padded on the right can be told apart.
        return new(Padded(data.Ids, more), data.Types is null ? null : Padded(data.Types, more), more == 0 ? mask : cat([mask, zeros([mask.shape[0], more], ScalarType.Bool)], 1));
    }

    private static Tensor Padded(Tensor ids, int more) => more == 0 ? ids : cat([ids, zeros([ids.shape[0], more], ScalarType.Int64)], 1);

    private static (Tensor Output, Dictionary<string, Tensor> Gradients) Gradients(OutputHead model, ModelCase data, TrunkInput input, IFrozenStates? states)
    {
        Tensor output = ModelCase.Output(model, input, Pass(states));
        if (output.dim() == 3)
        {
            output = output.narrow(1, 0, data.Ids.shape[1]);
            if (model.Kind != HeadKind.SequenceToSequence) output = output * data.Mask.unsqueeze(2);
        }
        using var generator = new Generator(5);
        (output * randn(output.shape, generator: generator)).sum().backward();
        var gradients = new Dictionary<string, Tensor>();
        foreach (Weight weight in model.Weights)
        {
            if (weight.Value.grad is { } gradient) gradients[weight.Name] = gradient.clone();
            weight.Value.grad = null;
        }
        return (output.detach(), gradients);
    }

    private static void Near(Tensor expected, Tensor actual, string what)
    {
        Assert.Equal(expected.shape, actual.shape);
        double difference = (expected - actual).abs().max().Number(), largest = Math.Max(1, expected.abs().max().Number());
        Assert.True(difference <= Nearness * largest, $"{what}: {difference} apart; {Nearness * largest} is allowed");
    }

    private sealed class Kept(Trunk trunk, FrozenLayers layers) : IFrozenStates, IDisposable
    {
        private readonly FrozenStateStore _store = new() { Budget = { Memory = 1 << 30 } };

        public Trunk Trunk => trunk;

        public FrozenLayers Layers => layers;

        public bool IsFilling { get; set; }

        public int Computed { get; set; }

        public Tensor Of(StateKind kind, RowKeys rows, Func<Tensor> compute)
        {
            FrozenStateSet set = _store.Set(kind, "", ScalarType.Float32);
            if (set.Find(rows, CPU) is { } found) return found;
            Computed++;
            Tensor states = compute();
            Assert.True(set.Add(rows, states));
            return states;
        }

        public void Dispose() => _store.Dispose();
    }
}
