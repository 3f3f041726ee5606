using FineTuning.Heads;
using FineTuning.Tests.Models;
using TorchSharp;
using Xunit;
using static TorchSharp.torch;

namespace FineTuning.Tests.Heads;

/// <summary>The gradient of every loss over texts is that of its formula, by central differences in float64.</summary>
public sealed class LossGradientTests
{
    private const int Rows = 5, Outputs = 4;

    private static readonly double[] Classes = [0.5, 1, 2, 0.25];

    [Theory]
    [InlineData(0, false)]
    [InlineData(0, true)]
    [InlineData(0.1, false)]
    [InlineData(0.3, true)]
    public void Cross_entropy(double smoothing, bool weighted) =>
        Check([Rows, Outputs], logits => Losses.CrossEntropy(logits, Targets(), weighted ? RowWeights() : null, weighted ? tensor(Classes) : null, smoothing));

    [Theory]
    [InlineData(0.5)]
    [InlineData(1)]
    [InlineData(2)]
    public void Focal(double gamma) => Check([Rows, Outputs], logits => Losses.Focal(logits, Targets(), RowWeights(), tensor(Classes), gamma));

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Binary_cross_entropy(bool weighted) => Check(
        [Rows, Outputs], logits => Losses.BinaryCrossEntropy(logits, Matrix(), weighted ? RowWeights() : null, weighted ? tensor(Classes) : null));

    [Fact]
    public void Squared_error() => Check([Rows], outputs => Losses.SquaredError(outputs, tensor([0.1, -2.0, 3.0, 0.0, 1.5]), RowWeights()));

    private static void Check(long[] shape, Func<Tensor, Tensor> loss)
    {
        using var scope = NewDisposeScope();
        using var generator = new Generator(3);
        Tensor outputs = randn(shape, ScalarType.Float64, generator: generator).requires_grad_(true);
        GradientCheck.Check(() => loss(outputs), [("outputs", outputs)]);
    }

    private static Tensor Targets() => tensor([0L, 3, 1, 2, 3]);

    private static Tensor RowWeights() => tensor([1.0, 0.5, 2.0, 1.0, 0.1]);

    private static Tensor Matrix() => tensor([1.0, 0, 0, 1, 0, 0, 0, 0, 1, 1, 1, 1, 0, 1, 0, 0, 0, 0, 1, 0], [Rows, Outputs]);
}
