using FineTuning.Models;
using FineTuning.Tensors;
using TorchSharp;
using Xunit;
using static TorchSharp.torch;

namespace FineTuning.Tests.Models;

/// <summary>
/// Layers whose activations are not kept but computed again (Chen et al. 2016), with a bias by distance that all of them share and that has gradients of its own:
/// the same dropout the second time, and the gradients of the pass that keeps everything.
/// </summary>
public sealed class RecomputedLayerTests : IDisposable
{
    private const int Hidden = 8, Heads = 2, Tokens = 6;

    private readonly DisposeScope _scope = NewDisposeScope();
    private readonly Blocks _blocks = new();
    private readonly StackPositions _positions;
    private readonly ILayer[] _layers;

    public RecomputedLayerTests()
    {
        var around = new BranchPlan { Before = NormPlan.RootMeanSquare(1e-6), Dropout = 0.2 };
        var attention = new AttentionPlan(Heads, Heads, Hidden / Heads) { Scale = 1, Dropout = 0.3 };
        var layer = new LayerPlan(attention, new(12, Activation.Relu) { Bias = false, Dropout = 0.2 }) { AroundAttention = around, AroundFeedForward = around };
        var plan = new StackPlan([layer, layer]) { RelativeBias = new(4, 4, 8) };
        _positions = StackPositions.Make(_blocks.Builder, plan, Hidden);
        // Two layers that share their weights, each with masks of its own.
        ILayer shared = TransformerLayer.Make(_blocks.Builder, layer, "block", 1, Hidden);
        _layers = [shared, shared];
    }

    public void Dispose()
    {
        _blocks.Dispose();
        _scope.Dispose();
    }

    [Fact]
    public void Gradients_are_those_of_the_pass_that_keeps_everything()
    {
        Tensor input = _blocks.Leaf(3, Tokens, Hidden), factors = _blocks.Leaf(3, Tokens, Hidden).detach();
        Tensor kept = Run(input, Inputs());
        (kept * factors).sum().backward();
        Dictionary<string, Tensor> expected = Gradients(input);
        Assert.All(expected, pair => Assert.True(pair.Value.abs().max().Number() > 0, $"{pair.Key} has no gradient"));
        Assert.Contains(expected.Keys, name => name.StartsWith("relative", StringComparison.Ordinal));

        Tensor again = Recompute(input, factors);
        Assert.True(again.eq(kept).all().item<bool>());
        Dictionary<string, Tensor> actual = Gradients(input);
        Assert.Equal(expected.Keys, actual.Keys);
        Assert.All(expected, pair => Assert.True((pair.Value - actual[pair.Key]).abs().max().Number() <= 1e-5 * pair.Value.abs().max().Number(), pair.Key));

        // With another dropout the gradients are others: the comparison sees the masks.
        Tensor other = Run(input, Inputs(), step: 2);
        Assert.False(other.eq(kept).all().item<bool>());
    }

    private AttentionInput Inputs()
    {
        var batch = new TrunkInput(zeros([3, Tokens], ScalarType.Int64), null, tensor(new[] { true, true, true, true, false, false }, [1, Tokens]).expand(3, Tokens));
        return _positions.Prepare(batch, () => throw new InvalidOperationException("a bias by distance needs no positions"), null, null, 0, 2)[0]!;
    }

    private static ForwardContext Pass(int layer, long step) => ForwardContext.For(new DropoutStream(7, step, 0), Precision.Float32).Layer(layer);

    private Tensor Run(Tensor input, AttentionInput around, long step = 1)
    {
        for (int i = 0; i < _layers.Length; i++) input = _layers[i].Forward(input, around, null, Pass(i, step));
        return input;
    }

    /// <summary>Forward without gradients, then layer by layer from above: again with them, from the states that entered.</summary>
    private Tensor Recompute(Tensor input, Tensor factors)
    {
        AttentionInput shared = Inputs();
        var entered = new List<Tensor> { input };
        using (no_grad())
        {
            for (int i = 0; i < _layers.Length; i++) entered.Add(_layers[i].Forward(entered[i], shared, null, Pass(i, 1)));
        }
        Tensor gradient = factors;
        Tensor[] carrying = [.. shared.Differentiable()], sums = [.. carrying.Select(tensor => zeros_like(tensor, requires_grad: false))];
        for (int i = _layers.Length - 1; i >= 0; i--)
        {
            Tensor state = entered[i].detach().requires_grad_(true);
            Tensor[] own = [.. carrying.Select(tensor => tensor.detach().requires_grad_(true))];
            Tensor output = _layers[i].Forward(state, shared.WithDifferentiable(own), null, Pass(i, 1));
            (output * gradient).sum().backward();
            gradient = state.grad!;
            for (int j = 0; j < own.Length; j++) sums[j].PlusInPlace(own[j].grad!);
        }
        // What the layers left to the embeddings and to the table of distances.
        Assert.Single(carrying);
        (input * gradient).sum().Plus((carrying[0] * sums[0]).sum()).backward();
        return entered[^1];
    }

    private Dictionary<string, Tensor> Gradients(Tensor input)
    {
        var all = new Dictionary<string, Tensor> { ["input"] = Taken(input) };
        foreach (Weight weight in _blocks.Builder.Weights) all[weight.Name] = Taken(weight.Value);
        return all;
    }

    private static Tensor Taken(Tensor leaf)
    {
        Tensor gradient = leaf.grad!.clone();
        leaf.grad = null;
        return gradient;
    }
}
