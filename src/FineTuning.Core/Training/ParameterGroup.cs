using FineTuning.Models;
using TorchSharp;
using static TorchSharp.torch;

namespace FineTuning.Training;

/// <summary>Weights that share a rate and a decay.</summary>
/// <param name="RateFactor">What the rate is multiplied by.</param>
/// <param name="Decay">Their weight decay.</param>
/// <param name="Weights">In the model's order.</param>
internal sealed record ParameterGroup(double RateFactor, double Decay, IReadOnlyList<Weight> Weights)
{
    /// <summary>The groups of all weights that train now.</summary>
    public static IReadOnlyList<ParameterGroup> Of(WeightSet weights, TrainingOptions options) =>
    [
        .. weights.Where(weight => weight.IsTrainable)
            .GroupBy(weight => (FactorOf(weight, weights.HeadDepth, options), DecayOf(weight, options)))
            .Select(group => new ParameterGroup(group.Key.Item1, group.Key.Item2, [.. group])),
    ];

    /// <summary>The weights that have a gradient, and their gradients; the wrappers belong to the current scope.</summary>
    public (List<Weight> Weights, Tensor[] Gradients) WithGradients()
    {
        var weights = new List<Weight>(Weights.Count);
        var gradients = new List<Tensor>(Weights.Count);
        foreach (Weight weight in Weights)
        {
            if (weight.Value.grad is not { } gradient) continue;
            weights.Add(weight);
            gradients.Add(gradient);
        }
        return (weights, [.. gradients]);
    }

    // Layer l of L has decay^(L - l), embeddings decay^L and the head 1.
    private static double FactorOf(Weight weight, int headDepth, TrainingOptions options)
    {
        double factor = Math.Pow(options.LayerDecay, Math.Max(0, headDepth - 1 - weight.Depth));
        foreach (RateFactor rate in options.RateFactors)
        {
            if (rate.Weights.Matches(weight, headDepth)) factor *= rate.Factor;
        }
        return factor;
    }

    private static double DecayOf(Weight weight, TrainingOptions options) =>
        weight.Kind is WeightKind.Bias or WeightKind.Norm && !options.DecayBiasesAndNorms ? 0 : options.Optimizer.WeightDecay;
}
