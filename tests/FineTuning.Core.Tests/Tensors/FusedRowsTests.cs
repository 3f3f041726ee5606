using System.Runtime.Intrinsics;
using FineTuning.Models;
using FineTuning.Tensors;
using FineTuning.Tests.Training;
using TorchSharp;
using Xunit;
using static FineTuning.Tensors.Scalars;
using static TorchSharp.torch;

namespace FineTuning.Tests.Tensors;

/// <summary>Functions of rows in one pass: what torch gives in several, for few rows and many, to the rounding of the type.</summary>
public sealed class FusedRowsTests
{
    [Theory]
    [InlineData(1, 5, 0)]
    [InlineData(3, 48, 1)]
    [InlineData(700, 101, 0)]
    [InlineData(512, 256, 1)]
    public void Norms(int rows, int width, double shift)
    {
        using var scope = NewDisposeScope();
        using var gradients = no_grad();
        Tensor input = Numbers([2, rows, width]), gain = Numbers([width]);
        Tensor wide = input.to(ScalarType.Float64), expected = wide * wide.Squared().mean([-1], keepdim: true).Plus(1e-5).rsqrt() * gain.to(ScalarType.Float64).Plus(shift);
        Near(expected, FusedRows.TryNormalize(input, gain, 1e-5, shift), 2e-6);
        Assert.Null(FusedRows.TryNormalize(input.transpose(0, 2), Numbers([2]), 1e-5, shift));
    }

    [Theory]
    [InlineData(1, 5, ScalarType.Float32)]
    [InlineData(700, 101, ScalarType.Float32)]
    [InlineData(2, 33, ScalarType.BFloat16)]
    [InlineData(512, 256, ScalarType.BFloat16)]
    public void Gates(int rows, int width, ScalarType type)
    {
        using var scope = NewDisposeScope();
        using var gradients = no_grad();
        Tensor input = Numbers([rows, 2 * width]).to(type);
        Tensor[] halves = input.to(ScalarType.Float64).chunk(2, -1);
        Near(nn.functional.silu(halves[0]) * halves[1], FusedRows.TryGate(input, FusedGate.Silu), Rounding(type));
        Near(Kernels.GeluTanh(halves[0]) * halves[1], FusedRows.TryGate(input, FusedGate.GeluTanh), Rounding(type));
    }

    [Theory]
    [InlineData(1, 2, 3, 8, 8, ScalarType.Float32)]
    [InlineData(2, 3, 5, 40, 24, ScalarType.Float32)]
    [InlineData(1, 12, 300, 64, 64, ScalarType.BFloat16)]
    [InlineData(3, 2, 70, 80, 32, ScalarType.BFloat16)]
    public void Turns(int batch, int heads, int tokens, int width, int turned, ScalarType type)
    {
        using var scope = NewDisposeScope();
        using var gradients = no_grad();
        // As a projection gives them: heads lie within tokens.
        Tensor input = Numbers([batch, tokens, 3, heads, width]).to(type).permute(2, 0, 3, 1, 4)[1], wide = input.to(ScalarType.Float64);
        foreach (bool alike in new[] { true, false })
        {
            Tensor positions = Range(0, tokens);
            if (!alike) positions = positions.unsqueeze(0).Plus(Range(0, batch).unsqueeze(1));
            Rotation rotation = Rotation.At(Rotation.Frequencies(turned, 100, CPU), positions);
            Rotation exact = new(rotation.Cosine.to(ScalarType.Float64), rotation.Sine.to(ScalarType.Float64));
            Assert.Null(FusedRows.TryTurn(wide, exact.Cosine, exact.Sine));
            Near(exact.Turn(wide), FusedRows.TryTurn(input, rotation.Cosine, rotation.Sine), Rounding(type));
        }
    }

    [Theory]
    [InlineData(1, 1, 0, ScalarType.Float32)]
    [InlineData(37, 53, 16, ScalarType.Float32)]
    [InlineData(256, 256, 0, ScalarType.BFloat16)]
    [InlineData(90, 300, 300, ScalarType.BFloat16)]
    public void Softmax_of_what_a_query_sees(int queries, int keys, int before, ScalarType type)
    {
        using var scope = NewDisposeScope();
        using var gradients = no_grad();
        Tensor scores = Numbers([3, queries, keys]).to(type) * Held(20f), hidden = Range(0, keys).unsqueeze(0).gt(Range(before, before + queries).unsqueeze(1));
        Tensor expected = nn.functional.softmax((scores.to(ScalarType.Float64) * Held(0.3)).masked_fill(hidden, Held(double.NegativeInfinity)), -1);
        Assert.True(FusedRows.TrySoftmax(scores, 0.3, before));
        Near(expected, scores, Rounding(type));
        Assert.True((scores * hidden).eq(Held(0)).all().item<bool>());
        Assert.False(FusedRows.TrySoftmax(zeros(1, 1, (1 << 14) + 1), 1, 0));
    }

    [Fact]
    public void The_exponential_function_is_right_to_its_rounding()
    {
        for (float from = -100; from < 88; from += 0.37f)
        {
            Vector512<float> x = Vector512.Create(from) + (Vector512<float>.Indices * 0.0231f), found = Exponential.Of(x);
            for (int lane = 0; lane < 16; lane++)
            {
                double exact = x[lane] < -87.3f ? 0 : Math.Exp(Math.Min(x[lane], 88.3f));
                Assert.True(Math.Abs(found[lane] - exact) <= 2.4e-7 * exact, $"e^{x[lane]} is {exact}, not {found[lane]}");
            }
        }
        Vector512<float> odd = Exponential.Of(Vector512.Create(float.NaN).WithElement(1, float.NegativeInfinity).WithElement(2, float.PositiveInfinity).WithElement(3, float.MinValue));
        Assert.True(float.IsNaN(odd[0]) && odd[1] == 0 && odd[2] > 1e38f && odd[3] == 0);
    }

    [Fact]
    public void With_gradients_torch_computes()
    {
        using var scope = NewDisposeScope();
        Tensor input = Numbers([1, 2, 3, 8]);
        Rotation rotation = Rotation.At(Rotation.Frequencies(8, 100, CPU), Range(0, 3));
        Assert.Null(FusedRows.TryNormalize(input, Numbers([8]), 1e-5, 0));
        Assert.Null(FusedRows.TryGate(input, FusedGate.Silu));
        Assert.Null(FusedRows.TryTurn(input, rotation.Cosine, rotation.Sine));
    }

    private static double Rounding(ScalarType type) => type == ScalarType.BFloat16 ? 1 / 256.0 : 2e-6;

    private static Tensor Numbers(long[] shape)
    {
        var random = new Random(5);
        long count = shape.Aggregate(1L, (product, size) => product * size);
        return tensor([.. Enumerable.Range(0, (int)count).Select(_ => (float)((random.NextDouble() * 6) - 3))], shape);
    }

    private static void Near(Tensor expected, Tensor? found, double rounding)
    {
        Assert.NotNull(found);
        Assert.Equal(expected.shape, found.shape);
        Tensor apart = (found.to(ScalarType.Float64) - expected).abs(), allowed = (expected.abs() * Held(rounding)).Plus(rounding);
        Assert.True(apart.le(allowed).all().item<bool>(), $"apart by {apart.max().Number()}");
    }
}

/// <summary>Which thread computes a row changes no number.</summary>
[Collection(AloneInTheProcess.Name)]
public sealed class FusedRowsThreadsTests
{
    [Theory]
    [InlineData(ScalarType.Float32)]
    [InlineData(ScalarType.BFloat16)]
    public void Two_threads_give_the_bits_of_one(ScalarType type)
    {
        using var scope = NewDisposeScope();
        using var gradients = no_grad();
        int threads = FineTuningRuntime.Threads;
        try
        {
            Tensor[] one = Compute(1, type), two = Compute(2, type);
            Assert.All(one.Zip(two), pair => Assert.True(pair.First.eq(pair.Second).all().item<bool>()));
        }
        finally
        {
            FineTuningRuntime.Threads = threads;
        }
    }

    private static Tensor[] Compute(int threads, ScalarType type)
    {
        FineTuningRuntime.Threads = threads;
        using var generator = new Generator(3);
        Tensor input = randn([2, 4, 300, 64], generator: generator), gain = randn([64], generator: generator);
        Rotation rotation = Rotation.At(Rotation.Frequencies(64, 100, CPU), Range(0, 300));
        return [FusedRows.TryNormalize(input, gain, 1e-5, 0)!, FusedRows.TryGate(input.to(type), FusedGate.Silu)!, FusedRows.TryTurn(input.to(type), rotation.Cosine, rotation.Sine)!];
    }
}
