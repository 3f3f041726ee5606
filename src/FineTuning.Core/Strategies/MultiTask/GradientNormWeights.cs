namespace FineTuning.Strategies;

/// <summary>The weights of GradNorm (Chen et al. 2018, algorithm 1).</summary>
/// <remarks>
/// With n the norm of a task's gradient without its weight w, G = w n; the target is mean(G) r^alpha, where r is the task's loss over its first, over the
/// mean of those; w moves by the rate against sign(G - target) n, and all are scaled to sum to the number of tasks.
/// </remarks>
/// <param name="tasks">How many there are.</param>
/// <param name="alpha">0 or more.</param>
/// <param name="learningRate">Above 0.</param>
internal sealed class GradientNormWeights(int tasks, double alpha, double learningRate)
{
    private const double Least = 1e-4;

    /// <summary>The weights, 1 at first.</summary>
    public double[] Weights { get; } = [.. Enumerable.Repeat(1.0, tasks)];

    /// <summary>The tasks' first losses; 0 before the first step.</summary>
    public double[] Initial { get; } = new double[tasks];

    /// <summary>One step.</summary>
    /// <param name="losses">The tasks' mean losses.</param>
    /// <param name="norms">The norms of their gradients, without the weights.</param>
    public void Step(IReadOnlyList<double> losses, IReadOnlyList<double> norms)
    {
        for (int task = 0; task < tasks; task++)
        {
            if (Initial[task] == 0) Initial[task] = losses[task];
        }
        double[] progress = [.. losses.Select((loss, task) => loss / Initial[task])];
        double[] weighted = [.. norms.Select((norm, task) => Weights[task] * norm)];
        (double meanProgress, double mean) = (progress.Average(), weighted.Average());
        for (int task = 0; task < tasks; task++)
        {
            double target = mean * Math.Pow(progress[task] / meanProgress, alpha);
            Weights[task] -= learningRate * Math.Sign(weighted[task] - target) * norms[task];
        }
        // A weight of 0 or less would train a task away from its data, which the paper's step does not exclude.
        for (int task = 0; task < tasks; task++) Weights[task] = Math.Max(Least, Weights[task]);
        double sum = Weights.Sum();
        for (int task = 0; task < tasks; task++) Weights[task] *= tasks / sum;
    }
}
