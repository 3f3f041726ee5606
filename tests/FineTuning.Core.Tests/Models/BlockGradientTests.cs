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
        RmsNorm norm = RmsNorm.Make(_blocks.Builder, "block.norm", 1, Hidden, 1e-6, shift);
        _blocks.Check(input, () => norm.Forward(input));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Layer_norm(bool bias)
    {
        Tensor input = _blocks.Leaf(2, 3, Hidden);
        LayerNorm norm = LayerNorm.Make(_blocks.Builder, "block.norm", 1, Hidden, 1e-6, bias);
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
        Linear inner = Linear.Make(_blocks.Builder, "block.inner", 1, Hidden, 12), outer = Linear.Make(_blocks.Builder, "block.outer", 1, 12, Hidden);
        Linear both = Linear.Make(_blocks.Builder, "block.projection", 1, Hidden, 24, bias: false);
        _blocks.Check(input, () => new FeedForward(inner, outer, activation).Forward(input, Blocks.Pass).Plus(new GatedFeedForward(both, outer, activation).Forward(input, Blocks.Pass)));
    }

    [Fact]
    public void Residual_with_norms_in_all_places()
    {
        Tensor input = _blocks.Leaf(2, 3, Hidden);
        RmsNorm norm = RmsNorm.Make(_blocks.Builder, "block.norm", 1, Hidden, 1e-6);
        Linear branch = Linear.Make(_blocks.Builder, "block.inner", 1, Hidden, Hidden);
        foreach ((INorm? before, INorm? end, INorm? after) in new (INorm?, INorm?, INorm?)[] { (norm, null, null), (null, norm, null), (null, null, norm), (norm, norm, norm) })
        {
            var residual = new Residual(before, end, after, 0);
            _blocks.Check(input, () => residual.Join(input, branch.Forward(residual.Enter(input), Blocks.Pass), Blocks.Pass));
        }
    }

    [Theory]
    [InlineData(4)]
    [InlineData(2)]
    public void Rotation_of_all_and_of_some_channels(int width)
    {
        Tensor input = _blocks.Leaf(2, 2, 5, 4);
        Rotation rotation = Rotation.At(Rotation.Frequencies(width, 100, CPU), 3, 5, 1.3);
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
        var attention = new SelfAttention(
            Linear.MakeStacked(_blocks.Builder, "block.projection", ["block.query", "block.key", "block.value"], 1, Hidden, Hidden),
            Linear.Make(_blocks.Builder, "block.output", 1, Hidden, Hidden), 2, 0);
        AttentionMask near = AttentionMask.OfNeighbours(null, 5, 2, CPU);
        Rotation rotation = Rotation.At(Rotation.Frequencies(4, 100, CPU), 0, 5);
        AttentionInput positions = biased ? new(null, Bias: bias.Plus(near.Added()), Rotation: rotation) : new(null, near, Rotation: rotation);
        _blocks.Check(input, () => attention.Forward(input, positions, firstOnly, Blocks.Pass));
        if (!biased) return;
        GradientCheck.Check(() => attention.Forward(input, positions with { Bias = bias.Plus(near.Added()) }, firstOnly, Blocks.Pass).pow(Held(2)).sum(), [("bias", bias)]);
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
        var plan = new DisentangledPlan(4, 4, 20, contentToPosition, positionToContent, shared, Normalized: true);
        var spec = Spec(plan);
        PositionScheme positions = PositionScheme.Make(_blocks.Builder, spec);
        DisentangledAttention attention = DisentangledAttention.Make(_blocks.Builder, "block", 1, plan, spec);
        var batch = new EncoderInput(zeros([2, 5], ScalarType.Int64), null, real);
        _blocks.Check(input, () => attention.Forward(input, positions.Prepare(batch, 1)[0], firstOnly, Blocks.Pass));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(4)]
    public void Convolution_beside_a_layer(int groups)
    {
        Tensor input = _blocks.Leaf(2, 5, Hidden), real = tensor(new[] { true, true, true, true, true, true, true, true, false, false }).view(2, 5);
        Linear inside = Linear.Make(_blocks.Builder, "block.inner", 1, Hidden, Hidden);
        ConvolutionLayer layer = ConvolutionLayer.Make(_blocks.Builder, new LinearLayer(inside), 1, new(3, groups, Activation.Gelu), Spec(null));
        _blocks.Check(input, () => layer.Forward(input, new(real), false, Blocks.Pass));
    }

    [Fact]
    public void Relative_bias()
    {
        Tensor input = _blocks.Leaf(1);
        RelativeBias bias = RelativeBias.Make(_blocks.Builder, new(12, 8, 16), 2);
        var batch = new EncoderInput(zeros([2, 9], ScalarType.Int64), null, null);
        _blocks.Check(input, () => bias.Prepare(batch, 1)[0].Bias! * input);
    }

    internal static ModelSpec Spec(PositionPlan? positions) => new()
    {
        ModelType = "none", VocabularySize = 5, HiddenSize = Hidden, EmbeddingSize = Hidden, LayerCount = 1, HeadCount = 2, IntermediateSize = 12, PositionCount = 0,
        TypeVocabularySize = 0, Activation = Activation.Gelu, NormEpsilon = 1e-6, InitializerRange = 0.4, Positions = positions,
    };

    private sealed class LinearLayer(Linear linear) : IEncoderLayer
    {
        public Tensor Forward(Tensor input, AttentionInput positions, bool firstOnly, ForwardContext context) => linear.Forward(input, context);
    }
}
