using FineTuning.Adapters;
using FineTuning.Models;
using FineTuning.Tasks;
using FineTuning.Training;

namespace FineTuning.Testing;

public static partial class FineTuneAssert
{
    /// <summary>What is frozen stays as it was, to the bit, and all else that has a gradient moves.</summary>
    /// <typeparam name="TExample">What the model trains on.</typeparam>
    /// <param name="load">Gives a fresh model.</param>
    /// <param name="examples">One or more.</param>
    /// <param name="freeze">What is frozen, as in <see cref="FineTuner{TExample}.Freeze"/>: <c>l => l.Layers(..2)</c>.</param>
    /// <param name="isFrozen">Which weights are meant by it, said in other words: <c>w => w.Depth is 1 or 2</c>.</param>
    /// <exception cref="LawBrokenException">A frozen weight moved, or one that is not frozen stayed.</exception>
    public static void FrozenMeansFrozen<TExample>(Func<TunableModel<TExample>> load, IReadOnlyList<TExample> examples,
        Func<WeightFilter, WeightFilter> freeze, Func<Weight, bool> isFrozen)
    {
        ArgumentNullException.ThrowIfNull(freeze);
        ArgumentNullException.ThrowIfNull(isFrozen);
        Runs.Require(examples, 1);
        using TunableModel<TExample> model = Runs.Load(load);
        WeightValues gradients = Rows.Gradients(model, Rows.Of(model, examples)), before = WeightValues.Of(model.Weights);
        HashSet<string> frozen = [.. model.Weights.Where(isFrozen).Select(weight => weight.Name)];
        if (frozen.Count == 0 || frozen.Count == model.Weights.Count)
            throw new ArgumentException($"it says that {frozen.Count} of the model's {model.Weights.Count} weights are frozen: some are, not all",
                nameof(isFrozen));
        Runs.Plain(model).WithOptimizer(Optimizer.AdamW(1e-2, weightDecay: 0.1)).Steps(3).BatchSize(examples.Count).Freeze(freeze).Train(examples);
        RequireMoved(nameof(FrozenMeansFrozen), before, WeightValues.Of(model.Weights), gradients, name => !frozen.Contains(name), "");
    }

    /// <summary>Gradual unfreezing begins with the head alone and takes in a layer in each epoch, from the highest down.</summary>
    /// <typeparam name="TExample">What the model trains on.</typeparam>
    /// <param name="load">Gives a fresh model with layers and a head.</param>
    /// <param name="examples">One or more.</param>
    /// <exception cref="LawBrokenException">A weight trains too early or too late.</exception>
    public static void UnfreezesGradually<TExample>(Func<TunableModel<TExample>> load, IReadOnlyList<TExample> examples)
    {
        Runs.Require(examples, 1);
        for (int epochs = 1; epochs <= 2; epochs++)
        {
            using TunableModel<TExample> model = Runs.Load(load);
            WeightValues gradients = Rows.Gradients(model, Rows.Of(model, examples)), before = WeightValues.Of(model.Weights);
            Dictionary<string, int> depths = model.Weights.ToDictionary(weight => weight.Name, weight => weight.Depth, StringComparer.Ordinal);
            int lowest = model.Weights.HeadDepth - epochs + 1;
            Runs.Plain(model).Epochs(epochs).BatchSize(examples.Count).UnfreezeGradually().Train(examples);
            RequireMoved(nameof(UnfreezesGradually), before, WeightValues.Of(model.Weights), gradients,
                name => depths[name] >= lowest, $" after epoch {epochs}");
        }
    }

    /// <summary>A run that tunes an adapter leaves the base as it was, to the bit, and the adapter has learned something.</summary>
    /// <typeparam name="TExample">What the model trains on.</typeparam>
    /// <param name="load">Gives a fresh head on a trunk.</param>
    /// <param name="examples">One or more.</param>
    /// <param name="adapter">For example <c>Adapter.Lora(rank: 2).On(l => l.AllLinear())</c>.</param>
    /// <exception cref="LawBrokenException">A weight of the base moved, or nothing was learned.</exception>
    public static void AdapterLeavesTheBase<TExample>(Func<TunableModel<TExample>> load, IReadOnlyList<TExample> examples, Adapter adapter)
    {
        ArgumentNullException.ThrowIfNull(adapter);
        Runs.Require(examples, 1);
        using TunableModel<TExample> model = Runs.Load(load);
        WeightValues before = WeightValues.Of(model.Weights);
        IReadOnlyList<EncodedRow> rows = Rows.Of(model, examples);
        double untouched = Rows.Loss(model, rows).Loss;
        Runs.Plain(model).WithOptimizer(Optimizer.AdamW(1e-2)).Steps(3).BatchSize(examples.Count).WithAdapter(adapter).Train(examples);
        double tuned = Rows.Loss(model, rows).Loss;
        model.WithoutAdapter();
        Same(nameof(AdapterLeavesTheBase), before, WeightValues.Of(model.Weights), 0, "the base beside an adapter");
        double afterwards = Rows.Loss(model, rows).Loss;
        if (tuned.Equals(untouched)) throw Broken(nameof(AdapterLeavesTheBase), "another loss", Numbers.Show(tuned), "the model with its adapter");
        if (!afterwards.Equals(untouched))
            throw Broken(nameof(AdapterLeavesTheBase), Numbers.Show(untouched), Numbers.Show(afterwards), "the loss of the model without its adapter");
    }

    /// <summary>Merging an adapter into the model changes no loss, and taking it out again gives the model back.</summary>
    /// <typeparam name="TExample">What the model trains on.</typeparam>
    /// <param name="load">Gives a fresh head on a trunk.</param>
    /// <param name="examples">One or more.</param>
    /// <param name="adapter">One that can be merged.</param>
    /// <param name="tolerance">Relative to the loss. Default 1e-4.</param>
    /// <exception cref="LawBrokenException">The merged model is another.</exception>
    public static void MergesExactly<TExample>(
        Func<TunableModel<TExample>> load, IReadOnlyList<TExample> examples, Adapter adapter, double tolerance = 1e-4)
    {
        ArgumentNullException.ThrowIfNull(adapter);
        Runs.Require(examples, 1);
        using TunableModel<TExample> model = Runs.Load(load);
        IReadOnlyList<EncodedRow> rows = Rows.Of(model, examples);
        Runs.Plain(model).WithOptimizer(Optimizer.AdamW(2e-2)).Steps(5).BatchSize(examples.Count).WithAdapter(adapter).Train(examples);
        double attached = Rows.Loss(model, rows).Loss;
        model.Adapters.Merge();
        Check(attached, "merged");
        model.Adapters.Unmerge();
        Check(attached, "merged and taken out again");

        void Check(double expected, string how)
        {
            double found = Rows.Loss(model, rows).Loss;
            if (!Numbers.Agree(expected, found, tolerance))
                throw Broken(nameof(MergesExactly), $"{Numbers.Show(expected)}, as with the adapter beside the model", Numbers.Show(found),
                    $"the loss with the adapter {how}");
        }
    }

    private static void RequireMoved(string law, WeightValues before, WeightValues after, WeightValues gradients, Func<string, bool> trains, string when)
    {
        foreach (string name in before.Names)
        {
            bool moved = !before.IsSame(name, after);
            if (moved && !trains(name))
                throw Broken(law, "the same numbers, since it is frozen", $"it moved by {Numbers.Show(before.Distance(name, after))}",
                    $"weight '{name}'{when}");
            if (!moved && trains(name) && gradients.Norm(name) > 0)
                throw Broken(law, "other numbers, since it is not frozen and has a gradient", "it did not move", $"weight '{name}'{when}");
        }
    }
}
