using FineTuning.Models;
using FineTuning.Tensors;
using static TorchSharp.torch;

namespace FineTuning.Training;

/// <summary>What one update needs besides tensors.</summary>
/// <param name="Rate">The rate of the group in this step.</param>
/// <param name="Decay">The weight decay of the group.</param>
/// <param name="GradientDivisor">Gradients are sums: each is divided by this (the count of targets over the clipping factor).</param>
internal readonly record struct UpdateSettings(double Rate, double Decay, double GradientDivisor);

/// <summary>An optimizer at work: it owns the moments of the weights it has seen.</summary>
/// <remarks>Used on the run's thread, without gradients, inside a dispose scope.</remarks>
internal abstract class OptimizerState : IDisposable
{
    private readonly Dictionary<Weight, WeightMoments> _moments = [];

    /// <summary>Updates the weights of one group in place.</summary>
    public abstract void Step(IReadOnlyList<Weight> weights, Tensor[] gradients, UpdateSettings settings);

    public void Dispose()
    {
        foreach (WeightMoments moments in _moments.Values) moments.Dispose();
    }

    protected WeightMoments MomentsOf(Weight weight)
    {
        if (!_moments.TryGetValue(weight, out WeightMoments? moments)) _moments[weight] = moments = new WeightMoments();
        return moments;
    }
}

/// <summary>The tensors and numbers an optimizer keeps of one weight.</summary>
internal sealed class WeightMoments : IDisposable
{
    private readonly Dictionary<string, Tensor> _tensors = new(StringComparer.Ordinal);

    /// <summary>How many updates the weight has had.</summary>
    public long Step { get; set; }

    /// <summary>A number that an optimizer carries along; starts at 1.</summary>
    public double Product { get; set; } = 1;

    /// <summary>The tensor of that name, made on first use; it outlives the dispose scope.</summary>
    public Tensor Get(string name, Func<Tensor> make)
    {
        if (!_tensors.TryGetValue(name, out Tensor? tensor)) _tensors[name] = tensor = make().DetachFromDisposeScope();
        return tensor;
    }

    public void Dispose()
    {
        foreach (Tensor tensor in _tensors.Values) tensor.Dispose();
    }
}

/// <summary>An optimizer that treats one weight after the other.</summary>
internal abstract class WeightwiseState : OptimizerState
{
    public sealed override void Step(IReadOnlyList<Weight> weights, Tensor[] gradients, UpdateSettings settings)
    {
        if (settings.GradientDivisor != 1) Kernels.Scale(gradients, 1 / settings.GradientDivisor);
        for (int i = 0; i < gradients.Length; i++)
        {
            using var scope = NewDisposeScope();
            WeightMoments moments = MomentsOf(weights[i]);
            moments.Step++;
            Update(weights[i], gradients[i], moments, settings.Rate, settings.Decay);
        }
    }

    /// <param name="weight">Updated in place.</param>
    /// <param name="gradient">Divided already; may be overwritten.</param>
    /// <param name="moments">The weight's own.</param>
    /// <param name="rate">The rate of this step.</param>
    /// <param name="decay">The weight decay.</param>
    protected abstract void Update(Weight weight, Tensor gradient, WeightMoments moments, double rate, double decay);
}
