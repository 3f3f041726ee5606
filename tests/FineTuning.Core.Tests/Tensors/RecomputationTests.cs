using FineTuning.Models;
using FineTuning.Tensors;
using FineTuning.Tests.Models;
using FineTuning.Tests.Training;
using TorchSharp;
using Xunit;
using static FineTuning.Tensors.Scalars;
using static TorchSharp.torch;

namespace FineTuning.Tests.Tensors;

/// <summary>What is computed again has the gradients of what is kept, and a fault in it ends nothing.</summary>
[Collection(AloneInTheProcess.Name)]
public sealed class RecomputationTests
{
    [Fact]
    public void Gradients_are_those_of_the_formula()
    {
        using var scope = NewDisposeScope();
        using var generator = new Generator(2);
        Tensor weight = randn([4, 3], ScalarType.Float64, generator: generator).requires_grad_(true), input = randn([5, 4], ScalarType.Float64, generator: generator).requires_grad_(true);
        Tensor other = randn([5, 3], ScalarType.Float64, generator: generator);
        Tensor Function() => Recomputation.Of(read => Recomputation.Of(inner => (inner[0].mm(weight) * inner[1]).tanh(), [read[0].sin(), read[1]]).exp(), [input, other]).sum();
        GradientCheck.Check(Function, [("weight", weight), ("input", input)]);
        input.requires_grad_(false);
        GradientCheck.Check(Function, [("weight", weight)]);
        weight.requires_grad_(false);
        input.requires_grad_(true);
        GradientCheck.Check(Function, [("input", input)]);
    }

    [Fact]
    public void It_is_computed_twice_and_without_gradients_once()
    {
        using var scope = NewDisposeScope();
        int calls = 0;
        Tensor input = ones([2]).requires_grad_(true);
        Tensor Run() => Recomputation.Of(read =>
        {
            calls++;
            return read[0].Squared();
        }, [input]).sum();
        Run().backward();
        BackwardFaults.ThrowKept();
        Assert.Equal(2, calls);
        using var gradients = no_grad();
        Assert.False(Run().requires_grad);
        Assert.Equal(3, calls);
    }

    [Fact]
    public void A_fault_in_the_second_computation_is_thrown_behind_the_backward_pass()
    {
        using var scope = NewDisposeScope();
        int calls = 0;
        Tensor input = ones([2]).requires_grad_(true);
        Tensor sum = Recomputation.Of(read => ++calls == 2 ? throw new InvalidOperationException("the second time") : read[0].Squared(), [input]).sum();
        sum.backward();
        Assert.Equal("the second time", Assert.Throws<InvalidOperationException>(BackwardFaults.ThrowKept).Message);
        Assert.Throws<InvalidOperationException>(() => Recomputation.Of(_ => throw new InvalidOperationException("the first time"), [input]));
    }

    [Fact]
    public void Nothing_is_left_behind()
    {
        using var weights = new WeightSet();
        Weight weight = weights.Add("w", randn(16, 16), WeightKind.Matrix, 0);
        void Pass()
        {
            using var scope = NewDisposeScope();
            Tensor hidden = ones([4, 16]);
            for (int i = 0; i < 3; i++) hidden = Recomputation.Of(read => read[0].mm(weight.Value).tanh(), [hidden]);
            hidden.sum().backward();
            BackwardFaults.ThrowKept();
            weight.Value.grad = null;
        }
        for (int i = 0; i < 3; i++) Pass();
        long before = Tensor.TotalCount;
        for (int i = 0; i < 200; i++) Pass();
        GC.Collect();
        GC.WaitForPendingFinalizers();
        Assert.InRange(Tensor.TotalCount - before, long.MinValue, 20);
    }
}
