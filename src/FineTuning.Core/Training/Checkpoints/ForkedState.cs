using FineTuning.Models;
using static TorchSharp.torch;

namespace FineTuning.Training;

/// <summary>A state of another recipe or of other data, made to fit: what no longer has a meaning is left out, and said.</summary>
internal static class ForkedState
{
    private const string Optimizer = "optimizer/", Best = "best/";

    /// <param name="state">Becomes the result's: what is left out is freed.</param>
    /// <param name="run">What it is made to fit.</param>
    /// <param name="sameValidation">Whether the validation data is that of the state's evaluations.</param>
    public static RunState Fit(RunState state, RunParts run, bool sameValidation)
    {
        var left = new List<string>();
        HashSet<string> trained = [.. run.Trained.Select(weight => weight.Name)];
        bool sameOptimizer = state.Recipe.Optimizer.GetType() == run.Options.Optimizer.GetType();
        if (!sameOptimizer) Leave(Optimizer, "the optimizer is another: its moments begin anew");
        string[] once = [.. state.Tensors.Keys.Where(name => name.StartsWith("weights/", StringComparison.Ordinal)).Select(name => name["weights/".Length..])];
        bool sameWeights = trained.SetEquals(once);
        bool sameMetric = (state.Recipe.Metric, state.Recipe.KeepBest) == (run.Options.Metric, run.Options.KeepBest);
        bool keepsBest = sameWeights && sameMetric && sameValidation;
        if (!keepsBest) Leave(Best, "the best evaluation so far is forgotten: other weights train, or another metric or other validation data counts");
        foreach (RunFeature feature in state.Recipe.Features.Where(feature => !run.Options.Features.Any(own => own.GetType() == feature.GetType())))
            run.Record.Warn($"what {feature.GetType().Name} kept is left out: the recipe no longer has it");
        var kept = state.Tensors.Keys.Concat(state.Numbers.Keys).Where(IsKept).ToHashSet(StringComparer.Ordinal);
        var tensors = new Dictionary<string, Tensor>(StringComparer.Ordinal);
        foreach ((string name, Tensor tensor) in state.Tensors)
        {
            if (kept.Contains(name)) tensors.Add(name, tensor);
            else tensor.Dispose();
        }
        // A weight that begins to train now has the value that it always had.
        foreach (Weight weight in run.Trained.Where(weight => !once.Contains(weight.Name)))
        {
            using var scope = NewDisposeScope();
            tensors.Add("weights/" + weight.Name, weight.Value.detach().cpu().clone().DetachFromDisposeScope());
        }
        return state with
        {
            Recipe = run.Options, Length = run.Record.Length, Tensors = tensors, Numbers = state.Numbers.Where(pair => kept.Contains(pair.Key)).ToDictionary(),
            Selection = keepsBest ? state.Selection : new(double.NaN, 0, double.NaN),
            Plateau = state.Recipe.Schedule == run.Options.Schedule ? state.Plateau : null,
            Evaluations = keepsBest ? state.Evaluations : [.. state.Evaluations.Select(entry => entry with { IsBest = false })],
        };

        void Leave(string path, string why)
        {
            if (!state.Tensors.Keys.Any(name => name.StartsWith(path, StringComparison.Ordinal))) return;
            left.Add(path);
            run.Record.Warn(why);
        }

        bool IsKept(string name)
        {
            if (left.Exists(path => name.StartsWith(path, StringComparison.Ordinal))) return false;
            if (run.Model.PrecomputedPath is { } computed && name.StartsWith(computed, StringComparison.Ordinal)) return true;
            if (name.StartsWith("weights/", StringComparison.Ordinal)) return run.Model.Weights.Find(name["weights/".Length..]) is not null;
            if (name.StartsWith(Optimizer, StringComparison.Ordinal))
            {
                int end = name.LastIndexOf('/');
                return end > Optimizer.Length && trained.Contains(name[Optimizer.Length..end]);
            }
            return name.StartsWith(Best, StringComparison.Ordinal) || (run.Reads(name) && (sameWeights || state.Numbers.ContainsKey(name)));
        }
    }
}
