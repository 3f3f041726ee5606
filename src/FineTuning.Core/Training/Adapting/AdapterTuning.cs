using System.Text.Json.Serialization;
using FineTuning.Adapters;
using FineTuning.Errors;
using FineTuning.Models;
using FineTuning.Tasks;
using TorchSharp;
using static FineTuning.Tensors.Scalars;
using static TorchSharp.torch;

namespace FineTuning.Training;

/// <summary>Tunes an adapter, with the base frozen. In a recipe it is the text of adapter_config.json.</summary>
/// <param name="Name">The adapter's name on the model.</param>
/// <param name="Configuration">The method, as PEFT's adapter_config.json says it.</param>
public sealed record AdapterTuning(string Name, string Configuration) : RunFeature
{
    /// <summary>The method itself where the recipe was written in code: a file cannot say everything (BitFit).</summary>
    [JsonIgnore]
    internal Adapter? Adapter { get; init; }

    internal override bool CanResume => true;

    internal override LoopFeature Start() => new Tuning();

    /// <inheritdoc/>
    public bool Equals(AdapterTuning? other) => other is not null && other.Name == Name && other.Configuration == Configuration;

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(Name, Configuration);

    // The same adapter of an earlier run is trained on.
    internal override void Prepare(TunableModel model)
    {
        if (model.Adapters.Active == Name && model.Adapters.TunedBy == Configuration) return;
        model.Adapters.Add(Adapter ?? AdapterConfig.Parse(Configuration), Name);
        model.Adapters.TunedBy = Configuration;
    }

    internal override void CollectViolations(List<string> violations, bool hasValidation)
    {
        try
        {
            Adapter adapter = Adapter ?? AdapterConfig.Parse(Configuration);
            adapter.Targets.CollectViolations(violations);
            adapter.CollectViolations(violations);
        }
        catch (CheckpointException fault)
        {
            violations.Add(fault.Message);
        }
        if (string.IsNullOrWhiteSpace(Name)) violations.Add("the adapter's name is empty");
    }

    private sealed class Tuning : LoopFeature
    {
        // Ten times the rate of full tuning is usual (Schulman et al. 2025, "LoRA without regret").
        private const double LowRate = 5e-5;

        private RankAllocation? _allocation;

        public override void Begin(RunParts run)
        {
            Allocation(run);
            double rate = run.Options.Optimizer.LearningRate;
            if (run.Model.ActiveAdapter is { Linears: { Count: > 0 } methods } && methods[0] is LoraLinear && rate < LowRate)
            {
                run.Record.Warn($"the learning rate {rate:g3} is one for tuning a whole model; an adapter usually takes about ten times as much (2e-4)");
            }
        }

        public override void AfterGradients(RunParts run, double targetCount)
        {
            using DisposeScope scope = NewDisposeScope();
            _allocation?.Observe(targetCount);
            if (run.Model.ActiveAdapter?.Penalty() is { requires_grad: true } penalty) (penalty * Held(targetCount)).backward();
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
            if (_allocation is null && run.Model.ActiveAdapter is { Options: AdaptiveLoraAdapter { TargetRank: not null } own } built)
                _allocation = new(own, built, run.Record.Length.TotalSteps);
            return _allocation;
        }

        public override void End(RunParts run)
        {
            using DisposeScope scope = NewDisposeScope();
            string[] still = [.. run.Model.ActiveAdapter?.Still() ?? []];
            if (still.Length > 0) run.Record.Warn($"the adapter on " +
                $"{string.Join(", ", still.Take(5))}{(still.Length > 5 ? $" and {still.Length - 5} more" : "")} is still zero after the run: nothing was " +
                    $"learned there");
        }
    }
}
