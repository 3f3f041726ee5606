using System.Text.Json.Serialization;
using FineTuning.Adapters;
using FineTuning.Errors;
using FineTuning.Models;
using FineTuning.Tasks;

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

    internal override LoopFeature Start() => new AdapterSteps(run => run.Model.ActiveAdapter);

    /// <inheritdoc/>
    public bool Equals(AdapterTuning? other) => other is not null && other.Name == Name && other.Configuration == Configuration;

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(Name, Configuration);

    // The same adapter of an earlier run is trained on.
    internal override void Prepare(TunableModel model)
    {
        if (model.Adapters.Active == Name && model.ActiveAdapter!.TunedBy == Configuration) return;
        model.Adapters.Add(Adapter ?? AdapterConfig.Parse(Configuration), Name);
        model.ActiveAdapter!.TunedBy = Configuration;
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
}
