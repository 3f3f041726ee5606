using System.Globalization;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using FineTuning.Models;
using FineTuning.Tasks;
using FineTuning.Tensors;

namespace FineTuning.Training;

/// <summary>All that a run's numbers depend on besides its recipe and its state.</summary>
/// <param name="TrainingData">The encoded rows: their number and a hash.</param>
/// <param name="ValidationData">Those of the validation data; empty: there is none.</param>
/// <param name="Task">What is trained: the model's type.</param>
/// <param name="Weights">The weights that the run began with: their number and a hash.</param>
/// <param name="FirstLoss">The loss of the largest batch with these weights: what it comes to depends on everything that the model computes.</param>
/// <param name="Device">Where it was computed.</param>
/// <param name="Threads">Threads of a tensor operation: sums are split among them.</param>
/// <param name="Processor">Architecture and instruction sets, by which kernels are chosen.</param>
/// <param name="LibTorch">libtorch's version.</param>
/// <param name="Library">This library's version.</param>
internal sealed record RunFingerprint(string TrainingData, string ValidationData, string Task, string Weights, string FirstLoss, string Device, int Threads,
    string Processor, string LibTorch, string Library)
{
    // What a model object began with, by the folder of its checkpoints: a run that failed may go on with the object that it has changed.
    private static readonly ConditionalWeakTable<object, Dictionary<string, RunFingerprint>> Known = [];

    /// <summary>The weights that are not in the checkpoints: their number and a hash. A model is known by them that checkpoints are loaded into.</summary>
    public string Frozen { get; init; } = "";

    /// <summary>The fingerprint of a run that has rehearsed and not yet begun.</summary>
    public static RunFingerprint Of(RunParts run)
    {
        TunableModel model = run.Model;
        RuntimeDiagnosis machine = FineTuningRuntime.Diagnose();
        HashSet<Weight> trained = [.. run.Trained];
        (string weights, string frozen) = WeightHash.Of(model.Weights, weight => !trained.Contains(weight));
        return new(RowHash.Of(run.Record.Rows.Train), run.Record.Rows.Validation is { } validation ? RowHash.Of(validation) : "",
            model.GetType().FullName ?? model.GetType().Name, weights,
            run.FirstLoss?.ToString("R", CultureInfo.InvariantCulture) ?? "", model.Device.ToString(), machine.Threads,
            $"{machine.Processor}: {string.Join(", ", machine.ProcessorFeatures)}", machine.LibTorch ?? "", machine.Library) { Frozen = frozen };
    }

    /// <summary>With what the model object had when it first ran with that folder, where it did.</summary>
    public RunFingerprint WithKnownBeginning(object weights, string folder) => Known.TryGetValue(weights, out Dictionary<string, RunFingerprint>? folders)
        && folders.TryGetValue(Path.GetFullPath(folder), out RunFingerprint? first) ? this with { Weights = first.Weights, FirstLoss = first.FirstLoss } : this;

    /// <summary>Remembers that the model object has run with that folder.</summary>
    public void Remember(object weights, string folder) => Known.GetOrCreateValue(weights)[Path.GetFullPath(folder)] = this;

    /// <summary>What differs from a stored one, each with both values, and by what it would be accepted.</summary>
    /// <param name="stored">The checkpoint's.</param>
    /// <param name="sameRecipe">Whether the recipes are equal; else the first loss says nothing.</param>
    public IEnumerable<(AcceptedChanges Kind, string Text)> DifferencesFrom(RunFingerprint stored, bool sameRecipe)
    {
        (AcceptedChanges, string, object Then, object Now)[] all =
        [
            (AcceptedChanges.Data, "the training data", stored.TrainingData, TrainingData),
            (AcceptedChanges.Data, "the validation data", stored.ValidationData, ValidationData),
            (AcceptedChanges.Model, "the task", stored.Task, Task),
            (AcceptedChanges.Model, "the weights that the run began with", stored.Weights, Weights),
            (AcceptedChanges.Environment, "the device", stored.Device, Device),
            (AcceptedChanges.Environment, "the number of threads (FineTuningRuntime.Threads)", stored.Threads, Threads),
            (AcceptedChanges.Environment, "the processor", stored.Processor, Processor),
            (AcceptedChanges.Environment, "libtorch", stored.LibTorch, LibTorch),
            (AcceptedChanges.Environment, "FineTuning.Core", stored.Library, Library),
        ];
        bool any = !sameRecipe;
        foreach ((AcceptedChanges kind, string what, object then, object now) in all)
        {
            if (then.Equals(now)) continue;
            any = true;
            yield return (kind, $"{what}: {Shown(then)} in the checkpoint, {Shown(now)} now");
        }
        // Any of the others changes it too, and says more.
        if (!any && FirstLoss.Length > 0 && stored.FirstLoss.Length > 0 && FirstLoss != stored.FirstLoss)
        {
            yield return (AcceptedChanges.Model, $"the loss of the largest batch before the first step: {stored.FirstLoss} in the checkpoint, {FirstLoss} now; "
                + "the model computes otherwise (its loss, its options, its dropout)");
        }
    }

    private static string Shown(object value) => value is string { Length: 0 } ? "none" : Convert.ToString(value, CultureInfo.InvariantCulture)!;
}
