using FineTuning.Models;
using FineTuning.Tensors;
using TorchSharp;
using static TorchSharp.torch;

namespace FineTuning.Training;

/// <summary>From summed gradients to updated weights: norm, finite check, clipping and the optimizer, which divides on the way.</summary>
internal sealed class GradientStep(TrainingOptions options, OptimizerState optimizer)
{
    // PyTorch's clip_grad_norm_ adds it, so that a norm of exactly the limit is scaled alike.
    private const double ClipEpsilon = 1e-6;

    private IReadOnlyList<ParameterGroup> _groups = [];

    /// <summary>The weights that train now.</summary>
    public IEnumerable<Weight> Trainable => _groups.SelectMany(group => group.Weights);

    /// <summary>Takes over which weights train.</summary>
    public void Regroup(WeightSet weights) => _groups = ParameterGroup.Of(weights, options);

    /// <summary>Forgets all gradients.</summary>
    public void Clear()
    {
        foreach (Weight weight in Trainable) weight.Value.grad = null;
    }

    /// <summary>The norm of the mean gradient; NaN or infinite where any gradient is; 0 where there is none.</summary>
    public double Norm(double targetCount)
    {
        using var scope = NewDisposeScope();
        using var gradients = no_grad();
        Tensor[] all = [.. _groups.SelectMany(group => group.WithGradients().Gradients)];
        return all.Length == 0 ? 0 : Kernels.Norm(all).Number() / targetCount;
    }

    /// <summary>Updates all weights that have a gradient.</summary>
    /// <param name="rate">The rate of the step, before the groups' factors.</param>
    /// <param name="targetCount">What the sums are divided by.</param>
    /// <param name="norm">The norm of the mean gradient.</param>
    public void Apply(double rate, double targetCount, double norm)
    {
        using var scope = NewDisposeScope();
        using var gradients = no_grad();
        double clip = options.ClipNorm is { } longest ? Math.Min(1, longest / (norm + ClipEpsilon)) : 1;
        foreach (ParameterGroup group in _groups)
        {
            (List<Weight> weights, Tensor[] own) = group.WithGradients();
            if (own.Length == 0) continue;
            optimizer.Step(weights, own, new UpdateSettings(rate * group.RateFactor, group.Decay, targetCount / clip));
            foreach (Weight weight in weights) weight.IsTuned = true;
        }
    }

    /// <summary>Whether any weight has a gradient.</summary>
    public bool Any()
    {
        using var scope = NewDisposeScope();
        return Trainable.Any(weight => weight.Value.grad is not null);
    }

    /// <summary>What the gradients take that are there.</summary>
    public long Bytes()
    {
        using var scope = NewDisposeScope();
        return Trainable.Where(weight => weight.Value.grad is not null).Sum(weight => weight.Value.numel() * weight.Value.element_size());
    }

    /// <summary>Names of the weights that train and have no gradient.</summary>
    public IReadOnlyList<string> Idle() => Names(gradient => gradient is null);

    /// <summary>Names of the weights whose gradient is not finite.</summary>
    public IReadOnlyList<string> NotFinite() => Names(gradient => gradient is not null && !gradient.isfinite().all().item<bool>());

    private string[] Names(Func<Tensor?, bool> condition)
    {
        using var scope = NewDisposeScope();
        return [.. Trainable.Where(weight => condition(weight.Value.grad)).Select(weight => weight.Name)];
    }
}
