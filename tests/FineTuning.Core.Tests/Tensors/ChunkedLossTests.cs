using FineTuning.Heads;
using FineTuning.Tensors;
using FineTuning.Tests.Models;
using TorchSharp;
using Xunit;
using static FineTuning.Tensors.Scalars;
using static TorchSharp.torch;

namespace FineTuning.Tests.Tensors;

/// <summary>A loss whose logits never exist whole is the loss of the whole logits: values and gradients, whatever the chunk.</summary>
public sealed class ChunkedLossTests
{
    private const int Tokens = 13, Width = 6, Words = 17;

    public static TheoryData<int, bool, double?, double, bool> Cases()
    {
        var cases = new TheoryData<int, bool, double?, double, bool>();
        foreach (int chunk in new[] { 1, 4, 5, 64 })
        {
            foreach (bool bias in new[] { false, true })
            {
                cases.Add(chunk, bias, null, 0, false);
                cases.Add(chunk, bias, 3, 0, true);
                cases.Add(chunk, bias, null, 0.2, true);
                cases.Add(chunk, bias, 1.5, 0.1, false);
            }
        }
        return cases;
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void The_sum_equals_that_of_whole_logits(int chunk, bool bias, double? cap, double smoothing, bool weighted)
    {
        using var scope = NewDisposeScope();
        LinearTargets layer = Layer(chunk, bias, cap, smoothing, weighted);
        Tensor whole = Whole(layer);
        whole.backward();
        double[][] expected = Gradients(layer);
        Tensor own = ChunkedCrossEntropy.Sum(layer);
        own.backward();
        BackwardFaults.ThrowKept();
        Assert.Equal(whole.item<double>(), own.item<double>(), 1e-11);
        Near(expected, Gradients(layer), 1e-12);
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Its_gradient_is_that_of_its_formula(int chunk, bool bias, double? cap, double smoothing, bool weighted)
    {
        using var scope = NewDisposeScope();
        LinearTargets layer = Layer(chunk, bias, cap, smoothing, weighted);
        (string, Tensor)[] inputs = [("hidden", layer.Hidden), ("weight", layer.Weight), .. layer.Bias is null ? Array.Empty<(string, Tensor)>() : [("bias", layer.Bias)]];
        GradientCheck.Check(() => ChunkedCrossEntropy.Sum(layer) * Held(0.7), inputs);
    }

    [Theory]
    [InlineData(1, false, null)]
    [InlineData(4, true, null)]
    [InlineData(64, true, 2.0)]
    public void Log_probabilities_and_what_is_made_of_them_have_the_gradient_of_whole_logits(int chunk, bool bias, double? cap)
    {
        using var scope = NewDisposeScope();
        LinearTargets layer = Layer(chunk, bias, cap, 0, false);
        // As a preference loss does: sums of some tokens, and something that is not linear.
        static Tensor Loss(Tensor logs) => nn.functional.logsigmoid(logs.narrow(0, 0, 7).sum() - logs.narrow(0, 7, Tokens - 7).sum() * Held(0.9)).neg();
        Loss(LogProbabilities(layer)).backward();
        double[][] expected = Gradients(layer);
        Tensor own = TokenLogProbabilities.Of(layer);
        Near([LogProbabilities(layer).data<double>().ToArray()], [own.data<double>().ToArray()], 1e-12);
        Loss(own).backward();
        BackwardFaults.ThrowKept();
        Near(expected, Gradients(layer), 1e-12);
        (string, Tensor)[] inputs = [("hidden", layer.Hidden), ("weight", layer.Weight)];
        GradientCheck.Check(() => Loss(TokenLogProbabilities.Of(layer)), inputs);
    }

    [Fact]
    public void Only_what_trains_gets_a_gradient()
    {
        using var scope = NewDisposeScope();
        LinearTargets layer = Layer(4, true, null, 0, false);
        layer.Weight.requires_grad_(false);
        ChunkedCrossEntropy.Sum(layer).backward();
        TokenLogProbabilities.Of(layer).sum().backward();
        BackwardFaults.ThrowKept();
        Assert.Null(layer.Weight.grad);
        Assert.NotNull(layer.Hidden.grad);
        Assert.NotNull(layer.Bias!.grad);
        using var gradients = no_grad();
        Assert.False(ChunkedCrossEntropy.Sum(layer).requires_grad);
    }

    [Fact]
    public void Where_everything_is_ignored_the_sum_is_nothing_and_so_is_the_gradient()
    {
        using var scope = NewDisposeScope();
        LinearTargets layer = Layer(4, true, null, 0, false) with { Targets = full([Tokens], Held(LinearTargets.Ignored), ScalarType.Int64) };
        Tensor sum = ChunkedCrossEntropy.Sum(layer);
        sum.backward();
        Assert.Equal(0, sum.item<double>());
        Assert.All(Gradients(layer).SelectMany(values => values), value => Assert.Equal(0, value));
        Assert.All(TokenLogProbabilities.Of(layer).data<double>().ToArray(), value => Assert.Equal(0, value));
    }

    [Fact]
    public void Large_logits_lose_nothing()
    {
        using var scope = NewDisposeScope();
        Tensor hidden = tensor(new[] { 1f, 0 }, [1, 2]), weight = tensor(new[] { 5000f, 0, -5000, 0, 4999, 0 }, [3, 2]);
        Assert.Equal(1.3132617, ChunkedCrossEntropy.Sum(new LinearTargets(hidden, weight, null, tensor(new long[] { 2 }))).item<float>(), 1e-6);
        Assert.Equal(-10000.3133, TokenLogProbabilities.Of(new LinearTargets(hidden, weight, null, tensor(new long[] { 1 }))).item<float>(), 1e-2);
    }

    [Fact]
    public void What_does_not_fit_is_refused_before_anything_is_computed()
    {
        using var scope = NewDisposeScope();
        LinearTargets layer = Layer(4, true, null, 0, false);
        foreach (LinearTargets bad in new[]
        {
            layer with { Targets = full([Tokens], Held((long)Words), ScalarType.Int64) }, layer with { Targets = full([Tokens], Held(-1L), ScalarType.Int64) },
            layer with { Targets = zeros([Tokens - 1], ScalarType.Int64) }, layer with { Weight = rand([Words, Width + 1], ScalarType.Float64) },
            layer with { Weight = rand([Words, Width]) }, layer with { Bias = rand([Words + 1], ScalarType.Float64) }, layer with { Smoothing = 1 },
            layer with { SoftCap = 0 }, layer with { TokenWeights = rand([2]) },
        })
        {
            Assert.Throws<ArgumentException>(() => ChunkedCrossEntropy.Sum(bad));
            Assert.Throws<ArgumentException>(() => TokenLogProbabilities.Of(bad));
        }
    }

    [Fact]
    public void A_fault_in_the_backward_pass_is_thrown_behind_it_and_ends_nothing()
    {
        using var scope = NewDisposeScope();
        LinearTargets layer = Layer(4, false, null, 0, false);
        Tensor sum;
        using (var inner = NewDisposeScope())
        {
            // What was computed in the forward pass dies with the inner scope: the backward pass finds nothing.
            sum = ChunkedCrossEntropy.Sum(layer).MoveToOuterDisposeScope();
        }
        sum.backward();
        Assert.ThrowsAny<Exception>(BackwardFaults.ThrowKept);
        BackwardFaults.ThrowKept();
    }

    [Fact]
    public void Bfloat16_states_are_as_exact_as_their_products()
    {
        using var scope = NewDisposeScope();
        LinearTargets layer = Layer(4, true, null, 0, false);
        LinearTargets half = layer with
        {
            Hidden = layer.Hidden.detach().to(ScalarType.BFloat16), Weight = layer.Weight.detach().to(ScalarType.BFloat16), Bias = layer.Bias!.detach().to(ScalarType.BFloat16),
        };
        Tensor own = ChunkedCrossEntropy.Sum(half);
        Assert.Equal(ScalarType.Float32, own.dtype);
        Assert.Equal(ChunkedCrossEntropy.Sum(layer).item<double>(), own.item<float>(), 0.2);
    }

    private static LinearTargets Layer(int chunk, bool bias, double? cap, double smoothing, bool weighted)
    {
        using var generator = new Generator(4);
        long[] targets = [.. Enumerable.Range(0, Tokens).Select(i => i % 4 == 2 ? LinearTargets.Ignored : i * 7 % Words)];
        Tensor Make(params long[] shape) => randn(shape, ScalarType.Float64, generator: generator).requires_grad_(true);
        return new LinearTargets(Make(Tokens, Width), Make(Words, Width), bias ? Make(Words) : null, tensor(targets))
        {
            Chunk = chunk,
            SoftCap = cap,
            Smoothing = smoothing,
            TokenWeights = weighted ? rand([Tokens], ScalarType.Float64, generator: generator) : null,
        };
    }

    private static Tensor Logits(LinearTargets layer)
    {
        Tensor logits = nn.functional.linear(layer.Hidden, layer.Weight, layer.Bias);
        return layer.SoftCap is { } cap ? (logits / Held(cap)).tanh() * Held(cap) : logits;
    }

    private static Tensor LogProbabilities(LinearTargets layer) => nn.functional.log_softmax(Logits(layer), 1)
        .gather(1, layer.Targets.clamp_min(Held(0L)).unsqueeze(1)).squeeze(1).masked_fill(layer.Targets.eq(Held(LinearTargets.Ignored)), Held(0));

    private static Tensor Whole(LinearTargets layer)
    {
        Tensor rows = layer.Targets.ne(Held(LinearTargets.Ignored)).nonzero().squeeze(1);
        return Losses.CrossEntropy(Logits(layer).index_select(0, rows), layer.Targets.index_select(0, rows), layer.TokenWeights?.index_select(0, rows), null, layer.Smoothing);
    }

    private static double[][] Gradients(LinearTargets layer)
    {
        Tensor[] inputs = [layer.Hidden, layer.Weight, .. layer.Bias is null ? Array.Empty<Tensor>() : [layer.Bias]];
        double[][] gradients = [.. inputs.Select(input => input.grad!.data<double>().ToArray())];
        foreach (Tensor input in inputs) input.grad = null;
        return gradients;
    }

    private static void Near(double[][] expected, double[][] own, double tolerance)
    {
        Assert.Equal(expected.Length, own.Length);
        foreach ((double[] theirs, double[] ours) in expected.Zip(own))
        {
            Assert.Equal(theirs.Length, ours.Length);
            for (int i = 0; i < theirs.Length; i++) Assert.Equal(theirs[i], ours[i], tolerance);
        }
    }
}
