using FineTuning.Errors;
using FineTuning.Metrics;
using FineTuning.Models;
using FineTuning.Tasks;
using static TorchSharp.torch;

namespace FineTuning.Training;

/// <summary>Puts the weights of a checkpoint into a model, which is then the run's at that step.</summary>
internal static class CheckpointLoading
{
    private const string OfStep = "weights/", Best = "best/";

    /// <param name="model">As the run began with it.</param>
    /// <param name="checkpoint">A checkpoint, or a folder of them.</param>
    /// <param name="which">Which weights.</param>
    /// <returns>The checkpoint's step.</returns>
    public static long Load(TunableModel model, string checkpoint, CheckpointWeights which)
    {
        model.Weights.ThrowIfClosed();
        (RunState state, RunFingerprint fingerprint) = Find(checkpoint);
        using RunState own = state;
        if (which == CheckpointWeights.Best && !state.Tensors.Keys.Any(name => name.StartsWith(Best, StringComparison.Ordinal)))
        {
            throw new CheckpointException(
                checkpoint, "it holds no best weights: nothing was evaluated up to its step, or KeepBest is off; take those of its step");
        }
        AdapterTuning[] missing = [.. state.Recipe.Features.OfType<AdapterTuning>().Where(tuning => model.Adapters.Active != tuning.Name)];
        foreach (AdapterTuning tuning in missing) tuning.Prepare(model);
        try
        {
            model.Weights.Exclusively(() => Put(model.Weights, state, fingerprint, which, checkpoint));
        }
        catch
        {
            foreach (AdapterTuning tuning in missing) model.Adapters.Remove(tuning.Name);
            throw;
        }
        if (MetricsOf(state, which) is { } metrics) model.Calibrate(metrics);
        return state.Counters.Steps;
    }

    private static (RunState State, RunFingerprint Fingerprint) Find(string checkpoint)
    {
        if (File.Exists(Path.Combine(checkpoint, CheckpointManifest.Name))) return StateFiles.Read(checkpoint, CheckpointManifest.Read(checkpoint).Step);
        var folder = new CheckpointFolder(checkpoint, LocalDisk.Instance);
        List<string> damaged = [];
        foreach (long step in folder.Steps().Reverse())
        {
            try
            {
                return StateFiles.Read(folder.PathOf(step), step);
            }
            catch (CheckpointException damage)
            {
                damaged.Add(damage.Message);
            }
        }
        throw new CheckpointException(checkpoint, string.Join("; ", damaged.Prepend("it is no whole checkpoint, and holds none")));
    }

    // Everything is checked before anything is written.
    private static void Put(WeightSet weights, RunState state, RunFingerprint fingerprint, CheckpointWeights which, string checkpoint)
    {
        var faults = new List<string>();
        var chosen = new Dictionary<string, Tensor>(StringComparer.Ordinal);
        // What trained in an earlier part of the run alone has no other value.
        foreach (string path in which == CheckpointWeights.Best ? (string[])[OfStep, Best] : [OfStep])
        {
            foreach ((string name, Tensor tensor) in state.Tensors.Where(pair => pair.Key.StartsWith(path, StringComparison.Ordinal)))
                chosen[name[path.Length..]] = tensor;
        }
        foreach ((string name, Tensor tensor) in chosen)
        {
            if (weights.Find(name) is not { } weight) faults.Add($"nothing here is named '{name}'");
            else if (!weight.Value.shape.SequenceEqual(tensor.shape))
                faults.Add($"'{name}' has the shape [{string.Join(", ", tensor.shape)}]; here it has [{string.Join(", ", weight.Value.shape)}]");
        }
        if (faults.Count == 0 && WeightHash.Of(weights, weight => !chosen.ContainsKey(weight.Name)).Some is var frozen && frozen != fingerprint.Frozen)
            faults.Add($"the weights that did not train are {frozen} here; the run's were {fingerprint.Frozen}");
        if (faults.Count > 0)
        {
            throw new InvalidOptionsException(
                [.. faults.Select(fault => $"{checkpoint} is of another model: {fault}; load the checkpoint that the run began with")]);
        }
        using var scope = NewDisposeScope();
        foreach ((string name, Tensor tensor) in chosen)
        {
            Weight weight = weights.Find(name)!;
            weight.Value.copy_(tensor);
            weight.IsTuned |= state.Counters.Steps > 0;
        }
    }

    // Of the evaluation that saw these weights.
    private static MetricReport? MetricsOf(RunState state, CheckpointWeights which) => which == CheckpointWeights.Best
        ? state.Evaluations.LastOrDefault(record => record.IsBest)?.Metrics
        : state.Evaluations.LastOrDefault(record => record.Step == state.Counters.Steps)?.Metrics;
}
