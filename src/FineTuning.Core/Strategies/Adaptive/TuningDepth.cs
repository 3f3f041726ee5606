using System.Globalization;
using FineTuning.Adapters;
using FineTuning.Models;
using FineTuning.Training;

namespace FineTuning.Strategies;

/// <summary>What of a model trains: the head and the highest layers, all, or the head and an adapter.</summary>
/// <param name="Layers">How many of the highest layers; all layers of the model: everything, embeddings included.</param>
/// <param name="Of">How many layers the model has.</param>
/// <param name="Rank">The rank of an adapter on all layers, which stay as they are. Null: there is none.</param>
internal readonly record struct TuningDepth(int Layers, int Of, int? Rank = null)
{
    public const string AdapterName = "adaptive";

    public bool IsAll => Rank is null && Layers == Of;

    public bool IsHead => Rank is null && Layers == 0 && Of > 0;

    /// <summary>The share of the layers that a gradient goes through.</summary>
    public double Share => Rank is not null || Of == 0 ? 1 : Layers / (double)Of;

    /// <summary>The recipe with what trains.</summary>
    public TrainingOptions On(TrainingOptions recipe)
    {
        if (Rank is { } rank)
        {
            Adapter adapter = Adapter.Lora(rank).On(targets => targets.AllLinear());
            return recipe.With(new AdapterTuning(AdapterName, AdapterConfig.Write(adapter, null)) { Adapter = adapter });
        }
        if (IsAll) return recipe;
        var filter = new WeightFilter();
        return recipe with { Frozen = IsHead ? filter.Trunk() : filter.Embeddings().Layers(..^Layers) };
    }

    public override string ToString() => Rank is { } rank ? $"an adapter of rank {rank} and the head" : IsHead ? "the head alone" : IsAll ? "all weights"
        : string.Create(CultureInfo.InvariantCulture, $"the head and the highest {Layers} of {Of} layers");
}
