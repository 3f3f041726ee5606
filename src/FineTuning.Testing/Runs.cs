using FineTuning.Tasks;
using FineTuning.Training;

namespace FineTuning.Testing;

/// <summary>Short runs of a fresh model, for the laws about runs.</summary>
internal static class Runs
{
    public const double Rate = 0.1;

    /// <summary>A recipe in which nothing is hidden: plain gradient descent at one rate, in the order of the data, without clipping.</summary>
    public static FineTuner<TExample> Plain<TExample>(TunableModel<TExample> model, double rate = Rate) => FineTuner.For(model)
        .WithOptimizer(Optimizer.Sgd(rate)).WithScheduler(Schedule.Constant()).ClipGradients(null)
        .With(options => options with { Shuffle = false, GroupByLength = false });

    /// <summary>Loads a model, runs it, and gives its weights before and after with what the run reported.</summary>
    public static Run Of<TExample>(Func<TunableModel<TExample>> load, IReadOnlyList<TExample> examples, Func<FineTuner<TExample>, FineTuner<TExample>> recipe)
    {
        using TunableModel<TExample> model = Load(load);
        WeightValues before = WeightValues.Of(model.Weights);
        TrainingResult result = recipe(Plain(model)).Train(examples);
        return new(before, WeightValues.Of(model.Weights), result);
    }

    /// <summary>A fresh model.</summary>
    /// <exception cref="ArgumentException">It is null.</exception>
    public static TunableModel<TExample> Load<TExample>(Func<TunableModel<TExample>> load)
    {
        ArgumentNullException.ThrowIfNull(load);
        return load() ?? throw new ArgumentException("it gave null; give a fresh model each time it is called", nameof(load));
    }

    /// <summary>Examples, at least so many.</summary>
    public static void Require<TExample>(IReadOnlyList<TExample> examples, int count)
    {
        ArgumentNullException.ThrowIfNull(examples);
        if (examples.Count < count) throw new ArgumentException($"there are {examples.Count} examples; this law needs at least {count}", nameof(examples));
    }

    /// <summary>Refuses a model that draws in training: two runs that differ in the seed alone must agree where a law compares runs of different
    /// batches.</summary>
    public static void RequireNoDraws<TExample>(Func<TunableModel<TExample>> load, IReadOnlyList<TExample> examples)
    {
        WeightValues one = Of(load, examples, tuner => tuner.Steps(1).BatchSize(examples.Count).Seed(1)).After,
            other = Of(load, examples, tuner => tuner.Steps(1).BatchSize(examples.Count).Seed(2)).After;
        if (one.Difference(other, 0) is { } difference)
            throw new ArgumentException($"the model draws in training ({difference.Where} depends on the seed): load it with Dropout = 0 for this law",
                nameof(load));
    }

    public sealed record Run(WeightValues Before, WeightValues After, TrainingResult Result);
}
