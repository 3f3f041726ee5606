using FineTuning.Models;
using TorchSharp;
using Xunit;
using static FineTuning.Tensors.Scalars;
using static TorchSharp.torch;

namespace FineTuning.Tests.Models;

/// <summary>The gradient of each block by itself, to its input and its weights, against central differences.</summary>
public sealed class BlockGradientTests : IDisposable
{
    private const int Hidden = 8;
    private readonly DisposeScope _scope = NewDisposeScope();
    private readonly Blocks _blocks = new();

    public void Dispose()
    {
        _blocks.Dispose();
        _scope.Dispose();
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    public void Root_mean_square_norm(double shift)
    {
        Tensor input = _blocks.Leaf(2, 3, Hidden);
        INorm norm = Norms.Make(_blocks.Builder, NormPlan.RootMeanSquare(1e-6, shift), "block.norm", 1, Hidden)!;
        _blocks.Check(input, () => norm.Forward(input));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Layer_norm(bool bias)
    {
        Tensor input = _blocks.Leaf(2, 3, Hidden);
        INorm norm = Norms.Make(_blocks.Builder, new(1e-6) { Bias = bias }, "block.norm", 1, Hidden)!;
        _blocks.Check(input, () => norm.Forward(input));
    }

    [Theory]
    [InlineData(Activation.Gelu)]
    [InlineData(Activation.GeluTanh)]
    [InlineData(Activation.Silu)]
    [InlineData(Activation.Tanh)]
    public void Feed_forward_plain_and_gated(Activation activation)
    {
        Tensor input = _blocks.Leaf(2, 3, Hidden);
        FeedForward plain = FeedForward.Make(_blocks.Builder, new(12, activation), "block", 1, Hidden);
        using var other = new Blocks();
        FeedForward gated = FeedForward.Make(other.Builder, new(12, activation) { IsGated = true, Bias = false }, "block", 1, Hidden);
        _blocks.Check(input, () => plain.Forward(input, Blocks.Pass));
        other.Check(input, () => gated.Forward(input, Blocks.Pass));
    }

    [Fact]
    public void Residual_with_norms_in_all_places()
    {
        Tensor input = _blocks.Leaf(2, 3, Hidden);
        INorm norm = Norms.Make(_blocks.Builder, NormPlan.RootMeanSquare(1e-6), "block.norm", 1, Hidden)!;
        Linear branch = _blocks.Builder.Linear("block.inner", 1, Hidden, Hidden);
        foreach ((INorm? before, INorm? end, INorm? after) in new (INorm?, INorm?, INorm?)[] { (norm, null, null), (null, norm, null), (null, null, norm), (norm, norm, norm) })
        {
            var residual = new Residual(before, end, after, 0, 0);
            _blocks.Check(input, () => residual.Join(input, branch.Forward(residual.Enter(input, Blocks.Pass), Blocks.Pass), Blocks.Pass));
        }
    }

    [Theory]
    [InlineData(4, false)]
    [InlineData(2, false)]
    [InlineData(4, true)]
    [InlineData(2, true)]
    public void Rotation_of_all_and_of_some_channels(int width, bool interleaved)
    {
        Tensor input = _blocks.Leaf(2, 2, 5, 4);
        Rotation rotation = Rotation.At(Rotation.Frequencies(width, 100, CPU), Range(3, 8), 1.3, interleaved);
        _blocks.Check(input, () => rotation.Turn(input));
    }

    [Theory]
    [InlineData(false, false)]
    [InlineData(true, false)]
    [InlineData(false, true)]
    [InlineData(true, true)]
    public void Self_attention_with_rotation_and_bias(bool firstOnly, bool biased)
    {
        Tensor input = _blocks.Leaf(2, 5, Hidden), bias = _blocks.Leaf(1, 2, 5, 5);
        SelfAttention attention = SelfAttention.Make(_blocks.Builder, new(2, 2, 4) { Bias = true, OutputBias = true }, "block", 1, Hidden);
        Wanted? wanted = firstOnly ? Wanted.First : null;
        AttentionMask near = AttentionMask.Window(5, 0, new(2, 2), CPU)!;
        Rotation rotation = Rotation.At(Rotation.Frequencies(4, 100, CPU), Range(0, 5));
        AttentionInput positions = biased ? new() { Bias = bias.Plus(near.Added()), Rotation = rotation } : new() { Mask = near, Rotation = rotation };
        _blocks.Check(input, () => attention.Forward(input, positions, wanted, Blocks.Pass));
        if (!biased) return;
        GradientCheck.Check(() => attention.Forward(input, positions with { Bias = bias.Plus(near.Added()) }, wanted, Blocks.Pass).pow(Held(2)).sum(), [("bias", bias)]);
    }

    [Theory]
    [InlineData(true, true, true, false)]
    [InlineData(true, true, false, true)]
    [InlineData(true, false, false, false)]
    [InlineData(false, true, true, true)]
    [InlineData(false, true, false, false)]
    public void Disentangled_attention(bool contentToPosition, bool positionToContent, bool shared, bool firstOnly)
    {
        Tensor input = _blocks.Leaf(2, 5, Hidden), real = tensor(new[] { true, true, true, true, true, true, true, true, false, false }).view(2, 5);
        var plan = new DisentangledPlan(4, 4, 20, contentToPosition, positionToContent, shared, new(1e-6));
        DisentangledPositions positions = DisentangledPositions.Make(_blocks.Builder, plan, "", Hidden);
        var heads = new AttentionPlan(2, 2, 4) { Bias = true, OutputBias = true, Disentangled = plan };
        DisentangledAttention attention = DisentangledAttention.Make(_blocks.Builder, heads, "block", 1, Hidden);
        AttentionInput Around() => new() { Real = real, Mask = AttentionMask.OfPairs(real), Relative = positions.Of(5, CPU) };
        _blocks.Check(input, () => attention.Forward(input, Around(), firstOnly ? Wanted.First : null, Blocks.Pass));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(4)]
    public void Convolution_beside_a_layer(int groups)
    {
        Tensor input = _blocks.Leaf(2, 5, Hidden), real = tensor(new[] { true, true, true, true, true, true, true, true, false, false }).view(2, 5);
        Linear inside = _blocks.Builder.Linear("block.inner", 1, Hidden, Hidden);
        ConvolutionLayer layer = ConvolutionLayer.Make(_blocks.Builder, new LinearLayer(inside), new(3, groups, Activation.Gelu, new(1e-6), 0), 1, Hidden);
        _blocks.Check(input, () => layer.Forward(input, new() { Real = real }, null, Blocks.Pass));
    }

    [Fact]
    public void Relative_bias()
    {
        Tensor input = _blocks.Leaf(1);
        RelativeBias bias = RelativeBias.Make(_blocks.Builder, new(12, 8, 16), "", 2);
        _blocks.Check(input, () => bias.Of(9, 0, CPU) * input);
    }

    private sealed class LinearLayer(Linear linear) : ILayer
    {
        public Tensor Forward(Tensor input, AttentionInput positions, Wanted? wanted, ForwardContext context) => linear.Forward(input, context);
    }
}
