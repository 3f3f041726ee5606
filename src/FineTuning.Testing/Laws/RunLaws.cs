using FineTuning.Tasks;
using FineTuning.Training;

namespace FineTuning.Testing;

public static partial class FineTuneAssert
{
    /// <summary>Accumulation changes nothing but memory: a step over one batch moves the weights as one over its parts.</summary>
    /// <typeparam name="TExample">What the model trains on.</typeparam>
    /// <param name="load">Gives a fresh model, without dropout.</param>
    /// <param name="examples">Four or more; with different numbers of targets where rows have those.</param>
    /// <param name="tolerance">Relative to the largest number of a weight. Default 1e-4.</param>
    /// <exception cref="LawBrokenException">The weights differ: means of means, a lost micro-batch, a missing division.</exception>
    public static void AccumulationInvariant<TExample>(Func<TunableModel<TExample>> load, IReadOnlyList<TExample> examples, double tolerance = 1e-4)
    {
        Runs.Require(examples, 4);
        Runs.RequireNoDraws(load, examples);
        using (TunableModel<TExample> model = Runs.Load(load))
        {
            if (!model.LossAddsOverRows) throw new ArgumentException("the model's loss compares the rows of a batch: its parts are another loss", nameof(load));
        }
        TExample[] even = [.. examples.Take(examples.Count / 4 * 4)];
        WeightValues whole = Runs.Of(load, even, tuner => tuner.Steps(2).BatchSize(even.Length)).After;
        foreach (int parts in new[] { 2, 4 })
        {
            WeightValues accumulated = Runs.Of(load, even, tuner => tuner.Steps(2).BatchSize(even.Length / parts, parts)).After;
            Same(nameof(AccumulationInvariant), whole, accumulated, tolerance, $"two steps over {parts} parts of a batch");
        }
    }

    /// <summary>Every example twice is the same mean: the losses of a step are divided by the number of targets.</summary>
    /// <typeparam name="TExample">What the model trains on.</typeparam>
    /// <param name="load">Gives a fresh model, without dropout.</param>
    /// <param name="examples">One or more.</param>
    /// <param name="tolerance">Relative to the largest number of a weight. Default 1e-4.</param>
    /// <exception cref="LawBrokenException">The step depends on the number of examples.</exception>
    public static void DuplicationInvariant<TExample>(Func<TunableModel<TExample>> load, IReadOnlyList<TExample> examples, double tolerance = 1e-4)
    {
        Runs.Require(examples, 1);
        Runs.RequireNoDraws(load, examples);
        WeightValues once = Runs.Of(load, examples, tuner => tuner.Steps(1).BatchSize(examples.Count)).After;
        TExample[] doubled = [.. examples.SelectMany(example => new[] { example, example })];
        WeightValues twice = Runs.Of(load, doubled, tuner => tuner.Steps(1).BatchSize(doubled.Length)).After;
        Same(nameof(DuplicationInvariant), once, twice, tolerance, "a step over every example twice");
    }

    /// <summary>Steps are independent: one run of two steps is as good as two runs of one, where the optimizer remembers nothing.</summary>
    /// <typeparam name="TExample">What the model trains on.</typeparam>
    /// <param name="load">Gives a fresh model, without dropout.</param>
    /// <param name="examples">Two or more.</param>
    /// <param name="tolerance">Relative to the largest number of a weight. Default 1e-4.</param>
    /// <exception cref="LawBrokenException">Something of the first step, a gradient for example, is still there in the second.</exception>
    public static void StepsCompose<TExample>(Func<TunableModel<TExample>> load, IReadOnlyList<TExample> examples, double tolerance = 1e-4)
    {
        Runs.Require(examples, 2);
        Runs.RequireNoDraws(load, examples);
        int half = examples.Count / 2;
        WeightValues together = Runs.Of(load, [.. examples.Take(2 * half)], tuner => tuner.Steps(2).BatchSize(half)).After;
        using TunableModel<TExample> model = Runs.Load(load);
        Runs.Plain(model).Steps(1).BatchSize(half).Train(examples.Take(half));
        Runs.Plain(model).Steps(1).BatchSize(half).Train(examples.Skip(half).Take(half));
        Same(nameof(StepsCompose), WeightValues.Of(model.Weights), together, tolerance, "two steps in one run");
    }

    /// <summary>Two runs of one recipe and one seed are equal to the bit.</summary>
    /// <typeparam name="TExample">What the model trains on.</typeparam>
    /// <param name="load">Gives a fresh model.</param>
    /// <param name="examples">One or more.</param>
    /// <param name="recipe">Changes the recipe, for example <c>t => t.Epochs(2).BatchSize(4)</c>. Null: AdamW, two epochs, four rows a batch.</param>
    /// <exception cref="LawBrokenException">Something depends on time, threads or the process's generator of random numbers.</exception>
    public static void Repeats<TExample>(
        Func<TunableModel<TExample>> load, IReadOnlyList<TExample> examples, Func<FineTuner<TExample>, FineTuner<TExample>>? recipe = null)
    {
        Runs.Require(examples, 1);
        WeightValues first = Run(), second = Run();
        if (first.Difference(second, 0) is { } difference)
            throw Broken(nameof(Repeats), $"{Numbers.Show(difference.Left)}, as in the first run", Numbers.Show(difference.Right),
                $"weight {difference.Where}");

        WeightValues Run()
        {
            using TunableModel<TExample> model = Runs.Load(load);
            Usual(model, recipe).Train(examples);
            return WeightValues.Of(model.Weights);
        }
    }

    /// <summary>
    /// What a model draws in training (dropout, masks) is drawn anew in each step, from the run's seed: steps over the same rows at a rate of almost 0 have
    /// different losses, and the same seed gives the same ones.
    /// </summary>
    /// <typeparam name="TExample">What the model trains on.</typeparam>
    /// <param name="load">Gives a fresh model that draws.</param>
    /// <param name="examples">One or more.</param>
    /// <exception cref="LawBrokenException">Steps draw the same, or the seed does not matter, or something else does.</exception>
    public static void DrawsAnew<TExample>(Func<TunableModel<TExample>> load, IReadOnlyList<TExample> examples)
    {
        Runs.Require(examples, 1);
        double[] first = Losses(1), again = Losses(1), other = Losses(2);
        if (!first.SequenceEqual(again)) throw Broken(nameof(DrawsAnew), Show(first), Show(again), "the losses of a second run with the same seed");
        if (first.SequenceEqual(other)) throw Broken(nameof(DrawsAnew), "other losses", Show(other), "the losses of a run with another seed");
        if (first.Distinct().Count() < first.Length) throw Broken(nameof(DrawsAnew), "different losses", Show(first), "the losses of steps over the same rows");

        double[] Losses(long seed) =>
            [.. Runs.Of(load, examples, tuner => tuner.WithOptimizer(Optimizer.Sgd(1e-12)).Steps(4).BatchSize(examples.Count).Seed(seed))
            .Result.History.Select(step => step.Loss)];
        static string Show(double[] losses) => string.Join(", ", losses.Select(Numbers.Show));
    }

    /// <summary>Every epoch trains on each row once, in an order of its own.</summary>
    /// <remarks>For a model whose rows are seen through public members alone: one of your own, or a head without adapters.</remarks>
    /// <typeparam name="TExample">What the model trains on.</typeparam>
    /// <param name="load">Gives a fresh model.</param>
    /// <param name="examples">Six or more.</param>
    /// <exception cref="LawBrokenException">A row is left out or seen twice, or two epochs have one order.</exception>
    public static void SeesEveryRow<TExample>(Func<TunableModel<TExample>> load, IReadOnlyList<TExample> examples)
    {
        Runs.Require(examples, 6);
        using TunableModel<TExample> model = Runs.Load(load);
        var watched = new WatchedModel<TExample>(model);
        int batch = 1 + (examples.Count / 3);
        // Rows of one length together would change the order by themselves.
        FineTuner.For(watched).WithOptimizer(Optimizer.Sgd(1e-12)).Epochs(2).BatchSize(batch).With(o => o with { GroupByLength = false }).Train(examples);
        int[] rows = [.. Rows.Of(model, examples).Select(row => row.Index).Order()];
        string[] orders = [.. watched.Epochs.Select(epoch => string.Join(", ", epoch.Value))];
        foreach ((long epoch, List<int> seen) in watched.Epochs)
        {
            if (!seen.Order().SequenceEqual(rows))
                throw Broken(nameof(SeesEveryRow), $"each of the {rows.Length} rows once", string.Join(", ", seen), $"the rows of epoch {epoch}");
        }
        if (orders.Distinct(StringComparer.Ordinal).Count() < orders.Length) throw Broken(nameof(SeesEveryRow), "another order", orders[^1], "the last epoch");
    }

    private static FineTuner<TExample> Usual<TExample>(TunableModel<TExample> model, Func<FineTuner<TExample>, FineTuner<TExample>>? recipe) =>
        (recipe ?? (tuner => tuner))(FineTuner.For(model).WithOptimizer(Optimizer.AdamW(1e-3)).Epochs(2).BatchSize(4));
}
