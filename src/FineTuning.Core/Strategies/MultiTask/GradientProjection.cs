using static FineTuning.Tensors.Scalars;
using static TorchSharp.torch;

namespace FineTuning.Strategies;

/// <summary>PCGrad (Yu et al. 2020, algorithm 1): what a gradient has against another task's is taken out of it.</summary>
internal static class GradientProjection
{
    /// <summary>The sum of the projected gradients.</summary>
    /// <param name="gradients">By task; each a list of tensors of the same shapes.</param>
    /// <param name="orders">For each task, the others in the order in which it is projected.</param>
    /// <returns>One tensor for each of the list; the current scope's.</returns>
    public static Tensor[] Sum(IReadOnlyList<IReadOnlyList<Tensor>> gradients, IReadOnlyList<IReadOnlyList<int>> orders)
    {
        var sum = new Tensor[gradients[0].Count];
        for (int task = 0; task < gradients.Count; task++)
        {
            Tensor[] projected = Project(gradients, task, orders[task]);
            for (int i = 0; i < sum.Length; i++) sum[i] = task == 0 ? projected[i] : sum[i].Plus(projected[i]);
        }
        return sum;
    }

    /// <summary>v = v - (v g / |g|^2) g for each other gradient g with v g below 0, in the order that is given; g is always the original.</summary>
    public static Tensor[] Project(IReadOnlyList<IReadOnlyList<Tensor>> gradients, int task, IReadOnlyList<int> order)
    {
        Tensor[] own = [.. gradients[task]];
        foreach (int other in order)
        {
            double product = Dot(own, gradients[other]);
            if (product >= 0) continue;
            double factor = product / Dot(gradients[other], gradients[other]);
            for (int i = 0; i < own.Length; i++) own[i] = own[i].add(gradients[other][i], Held(-factor));
        }
        return own;
    }

    private static double Dot(IReadOnlyList<Tensor> left, IReadOnlyList<Tensor> right)
    {
        double sum = 0;
        for (int i = 0; i < left.Count; i++) sum += left[i].flatten().dot(right[i].flatten()).Number();
        return sum;
    }
}
