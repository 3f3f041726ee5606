using FineTuning.Models;
using FineTuning.Tensors;
using static TorchSharp.torch;

namespace FineTuning.Training;

/// <summary>What one update needs apart from tensors.</summary>
/// <param name="Rate">The rate of the group in this step.</param>
/// <param name="Decay">The weight decay of the group.</param>
/// <param name="GradientDivisor">Gradients are sums: each is divided by this (the count of targets over the clipping factor).</param>
internal readonly record struct UpdateSettings(double Rate, double Decay, double GradientDivisor);

/// <summary>An optimizer at work: it owns the moments of the weights it has seen, by their names.</summary>
/// <remarks>Used on the run's thread, without gradients, inside a dispose scope.</remarks>
internal abstract class OptimizerState : IDisposable
{
    private const string Path = "optimizer/";
    private readonly Dictionary<string, WeightMoments> _moments = new(StringComparer.Ordinal);

    /// <summary>Updates the weights of one group in place.</summary>
    public abstract void Step(IReadOnlyList<Weight> weights, Tensor[] gradients, UpdateSettings settings);

    /// <summary>Writes the moments of each weight below its name.</summary>
    public void Export(StateWriter state)
    {
        foreach ((string name, WeightMoments moments) in _moments) moments.Export(state, $"{Path}{name}/");
    }

    /// <summary>Takes over the moments of these weights.</summary>
    public void Import(StateReader state, IReadOnlyList<Weight> weights)
    {
        foreach (WeightMoments moments in _moments.Values) moments.Dispose();
        _moments.Clear();
        foreach (Weight weight in weights)
        {
            string path = $"{Path}{weight.Name}/";
            if (state.Below(path).Count > 0) MomentsOf(weight).Import(state, path, weight.Value.device);
        }
    }

    public void Dispose()
    {
        foreach (WeightMoments moments in _moments.Values) moments.Dispose();
    }

    protected WeightMoments MomentsOf(Weight weight)
    {
        if (!_moments.TryGetValue(weight.Name, out WeightMoments? moments)) _moments[weight.Name] = moments = new WeightMoments();
        return moments;
    }
}

/// <summary>The tensors and numbers an optimizer keeps of one weight.</summary>
internal sealed class WeightMoments : IDisposable
{
    private const string Steps = "#steps", Products = "#product";
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

    public void Export(StateWriter state, string path)
    {
        state.Add(path + Steps, Step);
        state.Add(path + Products, Product);
        foreach ((string name, Tensor tensor) in _tensors) state.Add(path + name, tensor);
    }

    public void Import(StateReader state, string path, Device device)
    {
        Step = (long)(state.Number(path + Steps) ?? 0);
        Product = state.Number(path + Products) ?? 1;
        using var gradients = no_grad();
        foreach (string name in state.Below(path))
        {
            if (state.Find(path + name) is { } found) _tensors[name] = found.to(device, copy: true).DetachFromDisposeScope();
        }
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
