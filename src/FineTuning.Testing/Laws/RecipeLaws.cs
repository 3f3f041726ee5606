using FineTuning.Models;
using FineTuning.Tasks;
using FineTuning.Training;

namespace FineTuning.Testing;

public static partial class FineTuneAssert
{
    /// <summary>Clipping bounds a step: plain gradient descent moves all weights together by the rate times the longest gradient allowed.</summary>
    /// <typeparam name="TExample">What the model trains on.</typeparam>
    /// <param name="load">Gives a fresh model.</param>
    /// <param name="examples">One or more, whose mean gradient is longer than 0.01.</param>
    /// <exception cref="LawBrokenException">The step is longer, or shorter though the gradient is long.</exception>
    public static void ClippingBoundsSteps<TExample>(Func<TunableModel<TExample>> load, IReadOnlyList<TExample> examples)
    {
        const double Longest = 0.01;
        Runs.Require(examples, 1);
        Runs.Run run = Runs.Of(load, examples, tuner => tuner.Steps(1).BatchSize(examples.Count).ClipGradients(Longest));
        double moved = Math.Sqrt(run.Before.Names.Sum(name => Math.Pow(run.Before.Distance(name, run.After), 2))), bound = Runs.Rate * Longest;
        // Small moves of large numbers are rounded.
        if (Math.Abs(moved - bound) > 0.02 * bound)
            throw Broken(nameof(ClippingBoundsSteps), $"a step of length {Numbers.Show(bound)}", Numbers.Show(moved),
                $"a step with a rate of {Runs.Rate} and gradients clipped at {Longest}");
    }

    /// <summary>AdamW's weight decay takes the rate times the decay off every matrix and table, beside the step, and leaves biases and norms alone.</summary>
    /// <typeparam name="TExample">What the model trains on.</typeparam>
    /// <param name="load">Gives a fresh model.</param>
    /// <param name="examples">One or more.</param>
    /// <exception cref="LawBrokenException">Something else decays, or decay goes through the moments.</exception>
    public static void DecayIsDecoupled<TExample>(Func<TunableModel<TExample>> load, IReadOnlyList<TExample> examples)
    {
        const double Rate = 0.01, Decay = 0.5;
        Runs.Require(examples, 1);
        Dictionary<string, WeightKind> kinds;
        using (TunableModel<TExample> model = Runs.Load(load))
            kinds = model.Weights.ToDictionary(weight => weight.Name, weight => weight.Kind, StringComparer.Ordinal);
        Runs.Run Run(double decay) =>
            Runs.Of(load, examples, tuner => tuner.WithOptimizer(Optimizer.AdamW(Rate, weightDecay: decay)).Steps(1).BatchSize(examples.Count));
        Runs.Run without = Run(0), with = Run(Decay);
        foreach (string name in without.Before.Names.Where(name => !without.Before.IsSame(name, without.After)))
        {
            double factor = kinds[name] is WeightKind.Bias or WeightKind.Norm ? 0 : Rate * Decay;
            (float[] start, float[] plain, float[] decayed) = (without.Before[name], without.After[name], with.After[name]);
            double largest = start.Concat(plain).Max(value => Math.Abs((double)value));
            for (int i = 0; i < start.Length; i++)
            {
                double expected = plain[i] - (factor * start[i]);
                if (Math.Abs(expected - decayed[i]) > 1e-5 * Math.Max(largest, 0.1))
                    throw Broken(nameof(DecayIsDecoupled), Numbers.Show(expected), Numbers.Show(decayed[i]),
                        $"'{name}' ({kinds[name]}) at {i} after a step with decay");
            }
        }
    }

    /// <summary>Layer decay slows lower layers: each moves by the decay less than the one above it.</summary>
    /// <typeparam name="TExample">What the model trains on.</typeparam>
    /// <param name="load">Gives a fresh model.</param>
    /// <param name="examples">One or more.</param>
    /// <param name="decay">Above 0 and below 1.</param>
    /// <exception cref="LawBrokenException">A weight moved by another factor.</exception>
    public static void LowerLayersMoveLess<TExample>(Func<TunableModel<TExample>> load, IReadOnlyList<TExample> examples, double decay = 0.5)
    {
        Runs.Require(examples, 1);
        Dictionary<string, int> depths;
        int head;
        using (TunableModel<TExample> model = Runs.Load(load))
        {
            depths = model.Weights.ToDictionary(weight => weight.Name, weight => weight.Depth, StringComparer.Ordinal);
            head = model.Weights.HeadDepth;
        }
        Runs.Run plain = Runs.Of(load, examples, tuner => tuner.Steps(1).BatchSize(examples.Count)),
            slowed = Runs.Of(load, examples, tuner => tuner.Steps(1).BatchSize(examples.Count).WithLayerDecay(decay));
        foreach (string name in plain.Before.Names)
        {
            double moved = plain.Before.Distance(name, plain.After), expected = moved * Math.Pow(decay, Math.Max(0, head - 1 - depths[name]));
            double found = slowed.Before.Distance(name, slowed.After);
            if (Math.Abs(found - expected) > (0.02 * expected) + 1e-6)
                throw Broken(nameof(LowerLayersMoveLess), $"a move of {Numbers.Show(expected)}", Numbers.Show(found),
                    $"weight '{name}' at depth {depths[name]}");
        }
    }

    /// <summary>The rates of a run are those that a schedule is meant to give.</summary>
    /// <typeparam name="TExample">What the model trains on.</typeparam>
    /// <param name="load">Gives a fresh model.</param>
    /// <param name="examples">One or more.</param>
    /// <param name="schedule">The schedule.</param>
    /// <param name="factors">The factor on the optimizer's rate in each step; as many as the run has steps.</param>
    /// <exception cref="LawBrokenException">A step has another rate.</exception>
    public static void RatesFollow<TExample>(Func<TunableModel<TExample>> load, IReadOnlyList<TExample> examples, Schedule schedule,
        params IReadOnlyList<double> factors)
    {
        ArgumentNullException.ThrowIfNull(schedule);
        ArgumentNullException.ThrowIfNull(factors);
        Runs.Require(examples, 1);
        if (factors.Count == 0) throw new ArgumentException("give the factor of each step", nameof(factors));
        IReadOnlyList<StepRecord> history = Runs.Of(load, examples,
            tuner => tuner.Steps(factors.Count).BatchSize(examples.Count).WithScheduler(schedule)).Result.History;
        for (int i = 0; i < factors.Count; i++)
        {
            double expected = Runs.Rate * factors[i], found = history[i].LearningRate;
            if (!Numbers.Agree(expected, found, 1e-9))
                throw Broken(nameof(RatesFollow), Numbers.Show(expected), Numbers.Show(found), $"the rate of step {i + 1}");
        }
    }

    /// <summary>Gradient checkpointing changes nothing but memory and time: layers that are computed again drop the same and end alike.</summary>
    /// <typeparam name="TExample">What the model trains on.</typeparam>
    /// <param name="load">Gives a fresh model; with dropout, since that is what may go wrong.</param>
    /// <param name="examples">One or more.</param>
    /// <param name="tolerance">Relative to the largest number of a weight. Default 1e-5.</param>
    /// <exception cref="LawBrokenException">The weights differ.</exception>
    public static void RecomputationInvariant<TExample>(Func<TunableModel<TExample>> load, IReadOnlyList<TExample> examples, double tolerance = 1e-5)
    {
        Runs.Require(examples, 1);
        WeightValues kept = Runs.Of(load, examples, tuner => tuner.Steps(2).BatchSize(examples.Count)).After,
            again = Runs.Of(load, examples, tuner => tuner.Steps(2).BatchSize(examples.Count).WithGradientCheckpointing()).After;
        Same(nameof(RecomputationInvariant), kept, again, tolerance, "two steps with layers that are computed again");
    }
}
