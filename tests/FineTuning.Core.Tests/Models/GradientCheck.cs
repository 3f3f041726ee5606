using TorchSharp;
using Xunit;
using static FineTuning.Tensors.Scalars;
using static TorchSharp.torch;

namespace FineTuning.Tests.Models;

/// <summary>Gradients against central differences in float64, along one random direction a tensor.</summary>
internal static class GradientCheck
{
    private const double Step = 1e-5;

    /// <summary>Fails with the names of all tensors whose gradient is not that of the function.</summary>
    /// <param name="function">A scalar from the tensors as they stand; float64.</param>
    /// <param name="leaves">What it depends on.</param>
    public static void Check(Func<Tensor> function, IEnumerable<(string Name, Tensor Value)> leaves)
    {
        using var scope = NewDisposeScope();
        using var generator = new Generator(11);
        (string Name, Tensor Value)[] all = [.. leaves];
        foreach ((_, Tensor value) in all) value.grad = null;
        function().backward();
        var faults = new List<string>();
        using (no_grad())
        {
            foreach ((string name, Tensor value) in all)
            {
                using var own = NewDisposeScope();
                Tensor direction = randn(value.shape, ScalarType.Float64, generator: generator);
                direction = direction / direction.norm();
                double analytic = value.grad is null ? 0 : (value.grad * direction).sum().item<double>();
                double At(double step)
                {
                    // Held until the calls are over: TorchSharp leaves a scalar that it made itself to the garbage collector during the call.
                    using Scalar scalar = step.ToScalar();
                    Tensor move = direction.mul(scalar);
                    value.PlusInPlace(move);
                    double result = function().item<double>();
                    value.sub_(move);
                    return result;
                }
                double numeric = (At(Step) - At(-Step)) / (2 * Step);
                if (!(Math.Abs(numeric - analytic) <= 1e-6 * Math.Max(1, Math.Abs(numeric)))) faults.Add($"{name}: {analytic} by the graph, {numeric} by differences");
            }
        }
        Assert.True(faults.Count == 0, string.Join(Environment.NewLine, faults));
    }
}
