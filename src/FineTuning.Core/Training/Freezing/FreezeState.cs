using FineTuning.Errors;
using FineTuning.Models;

namespace FineTuning.Training;

/// <summary>Which weights train in which epoch.</summary>
internal sealed class FreezeState
{
    private readonly WeightSet _weights;
    private readonly TrainingOptions _options;
    private long _lowest = -1;

    /// <exception cref="InvalidOptionsException">A rule means no weight, or nothing is left to train.</exception>
    public FreezeState(WeightSet weights, TrainingOptions options)
    {
        (_weights, _options) = (weights, options);
        var violations = options.Frozen.Idle(weights).Select(rule => $"Freeze: {rule} means no weight of this model").ToList();
        violations.AddRange(options.RateFactors.SelectMany(rate => rate.Weights.Idle(weights))
            .Select(rule => $"a rate factor's {rule} means no weight of this model"));
        violations.AddRange(options.GradientCheckpointing.Idle(weights).Select(rule => $"GradientCheckpointing: {rule} means no weight of this model"));
        if (weights.All(weight => options.Frozen.Matches(weight, weights.HeadDepth)))
            violations.Add($"Freeze ({options.Frozen}) leaves nothing to train: freeze less");
        if (violations.Count > 0) throw new InvalidOptionsException(violations);
    }

    /// <summary>Sets what trains in an epoch; true where it changed.</summary>
    /// <param name="epoch">From 0.</param>
    public bool Begin(long epoch)
    {
        int head = _weights.HeadDepth;
        long lowest = _options.UnfreezeEvery is { } every ? Math.Max(0, head - (epoch / every)) : 0;
        if (lowest == _lowest) return false;
        _lowest = lowest;
        foreach (Weight weight in _weights) weight.IsTrainable = weight.Depth >= lowest && !_options.Frozen.Matches(weight, head);
        return true;
    }
}
