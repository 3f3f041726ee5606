using FineTuning.Adapters;
using TorchSharp;
using static FineTuning.Tensors.Scalars;
using static TorchSharp.torch;

namespace FineTuning.Training;

/// <summary>The steps of a run that tunes an adapter: its penalty, the allocation of its ranks, and what is to be said of it.</summary>
/// <param name="find">The adapter of a run; null: there is none.</param>
/// <param name="name">Names it where a run has several, with what stands before the names of its state. Empty: it is the only one.</param>
/// <param name="share">How much of a step's loss is what the adapter learns from; where it is 0 the step leaves the adapter as it is. Null: all.</param>
internal sealed class AdapterSteps(Func<RunParts, BuiltAdapter?> find, string name = "", Func<RunParts, double>? share = null) : LoopFeature
{
    // Ten times the rate of full tuning is usual (Schulman et al. 2025, "LoRA without regret").
    private const double LowRate = 5e-5;

    private RankAllocation? _allocation;

    public override void Begin(RunParts run)
    {
        Allocation(run);
        double rate = run.Options.Optimizer.LearningRate;
        if (find(run) is { Linears: { Count: > 0 } methods } && methods[0] is LoraLinear && rate < LowRate)
        {
            run.Record.Warn($"the learning rate {rate:g3} is one for tuning a whole model; an adapter usually takes about ten times as much (2e-4)");
        }
    }

    public override void AfterGradients(RunParts run, double targetCount)
    {
        using DisposeScope scope = NewDisposeScope();
        _allocation?.Observe(targetCount);
        double part = share?.Invoke(run) ?? 1;
        if (part > 0 && find(run)?.Penalty() is { requires_grad: true } penalty) (penalty * Held(targetCount * part)).backward();
    }

    public override void AfterStep(RunParts run) => _allocation?.Allocate(run.Record.Steps);

    public override void Export(StateWriter state) => _allocation?.Export(state);

    public override void Import(RunParts run, StateReader state) => Allocation(run)?.Import(state);

    public override void Dispose()
    {
        _allocation?.Dispose();
        base.Dispose();
    }

    private RankAllocation? Allocation(RunParts run)
    {
        if (_allocation is null && find(run) is { Options: AdaptiveLoraAdapter { TargetRank: not null } own } built)
            _allocation = new(own, built, run.Record.Length.TotalSteps, name);
        return _allocation;
    }

    public override void End(RunParts run)
    {
        using DisposeScope scope = NewDisposeScope();
        string[] still = [.. find(run)?.Still() ?? []];
        if (still.Length == 0) return;
        run.Record.Warn($"the adapter {(name.Length > 0 ? $"of the task '{name}' " : "")}on {string.Join(", ", still.Take(5))}"
            + $"{(still.Length > 5 ? $" and {still.Length - 5} more" : "")} is still zero after the run: nothing was learned there");
    }
}
