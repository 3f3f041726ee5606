using FineTuning.Models;
using FineTuning.Tasks;
using FineTuning.Tensors;
using TorchSharp;
using static TorchSharp.torch;

namespace FineTuning.Testing;

public static partial class FineTuneAssert
{
    private const double Step = 4e-3;

    /// <summary>
    /// The gradient of each weight is the slope of the loss: along the gradient and along a random direction, the loss rises as much as the gradient says
    /// (central differences).
    /// </summary>
    /// <typeparam name="TExample">What the model trains on.</typeparam>
    /// <param name="model">Its weights are moved and put back, to the bit.</param>
    /// <param name="examples">A batch of one or more.</param>
    /// <param name="tolerance">Relative to the length of the gradient. Default 0.05, since losses are computed in single precision.</param>
    /// <exception cref="LawBrokenException">The loss rises otherwise: the backward pass is wrong, or part of the loss has none.</exception>
    public static void GradientsMatchDifferences<TExample>(TunableModel<TExample> model, IReadOnlyList<TExample> examples, double tolerance = 0.05)
    {
        IReadOnlyList<EncodedRow> rows = Rows.Of(model, examples);
        WeightValues gradients = Rows.Gradients(model, rows);
        double longest = gradients.Names.Max(gradients.Norm);
        foreach (Weight weight in model.Weights.Where(weight => weight.IsTrainable))
        {
            double norm = gradients.Norm(weight.Name);
            // What is far shorter than the others is lost in the rounding of the loss.
            if (norm < 0.02 * longest || norm < 1e-3) continue;
            float[] own = gradients[weight.Name];
            float[] along = [.. own.Select(value => (float)(value / norm))], random = Random(own.Length, weight.Name);
            Check(weight, along, norm, "along its gradient");
            Check(weight, random, own.Zip(random, (a, b) => (double)a * b).Sum(), "along a random direction");

            void Check(Weight moved, float[] direction, double expected, string where)
            {
                double found = Slope(model, rows, moved, direction);
                if (Math.Abs(found - expected) <= tolerance * norm) return;
                throw Broken(nameof(GradientsMatchDifferences), $"a slope of {Numbers.Show(expected)}, as the gradient says",
                    Numbers.Show(found), $"weight '{moved.Name}', {where}");
            }
        }
    }

    /// <summary>The loss reaches every weight that trains: none has a gradient of 0 throughout.</summary>
    /// <typeparam name="TExample">What the model trains on.</typeparam>
    /// <param name="model">Stays as it is.</param>
    /// <param name="examples">Enough of them that each weight should matter.</param>
    /// <param name="except">Parts of names of weights that the loss does not depend on.</param>
    /// <exception cref="LawBrokenException">A weight would never be learned.</exception>
    public static void EveryWeightLearns<TExample>(TunableModel<TExample> model, IReadOnlyList<TExample> examples, params IReadOnlyList<string> except)
    {
        ArgumentNullException.ThrowIfNull(except);
        WeightValues gradients = Rows.Gradients(model, Rows.Of(model, examples));
        foreach (Weight weight in model.Weights.Where(weight =>
            weight.IsTrainable && !except.Any(part => weight.Name.Contains(part, StringComparison.Ordinal))))
        {
            if (gradients.Norm(weight.Name) == 0)
                throw Broken(nameof(EveryWeightLearns), "a gradient", "none, or 0 throughout", $"weight '{weight.Name}'");
        }
    }

    private static double Slope(TunableModel model, IReadOnlyList<EncodedRow> rows, Weight weight, float[] direction)
    {
        using IDisposable scope = NewDisposeScope(), still = no_grad();
        Tensor kept = weight.Value.detach().clone(),
            step = tensor(direction, weight.Value.shape, ScalarType.Float32).to(weight.Value.dtype, weight.Value.device);
        try
        {
            weight.Value.add_(step, Scalars.Held(Step));
            double above = Rows.Loss(model, rows).Loss;
            weight.Value.copy_(kept).add_(step, Scalars.Held(-Step));
            return (above - Rows.Loss(model, rows).Loss) / (2 * Step);
        }
        finally
        {
            weight.Value.copy_(kept);
        }
    }

    // Of length 1; the same in every run.
    private static float[] Random(int count, string name)
    {
        var random = new Random(name.Length + count);
        double[] drawn = [.. Enumerable.Range(0, count).Select(_ => random.NextDouble() - 0.5)];
        double norm = Math.Sqrt(drawn.Sum(value => value * value));
        return [.. drawn.Select(value => (float)(value / norm))];
    }
}
