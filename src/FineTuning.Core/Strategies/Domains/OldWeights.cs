using FineTuning.Models;
using FineTuning.Tasks;
using FineTuning.Training;
using static TorchSharp.torch;

namespace FineTuning.Strategies;

/// <summary>The weights of some models as they were before a run: with them the models compute for a moment, and are then what they were.</summary>
/// <remarks>One copy of what trains, whichever heads share it; what does not train is not copied. On the run's thread, where nobody else computes.</remarks>
/// <param name="models">By the names of their tasks.</param>
/// <param name="frozen">What the recipe keeps from training.</param>
internal sealed class OldWeights(IReadOnlyList<(string Task, TunableModel Model)> models, WeightFilter frozen) : IDisposable
{
    private readonly List<(string Name, Weight Weight)> _weights = [];
    private Tensor[] _copies = [];

    /// <summary>Keeps the weights as they are.</summary>
    public void Keep()
    {
        Dispose();
        var known = new HashSet<nint>();
        foreach ((string task, TunableModel model) in models)
        {
            IEnumerable<Weight> trained = model.Weights.Where(weight => weight.CanTrain && !frozen.Matches(weight, model.Weights.HeadDepth));
            _weights.AddRange(trained.Where(weight => known.Add(weight.Value.Handle)).Select(weight => ($"{task}/{weight.Name}", weight)));
        }
        _copies = WeightCopies.Of([.. _weights.Select(own => own.Weight)]);
    }

    /// <summary>What a computation with the old weights gives; its tensors have no gradients.</summary>
    public Tensor Within(Func<Tensor> compute)
    {
        Tensor[] now = [.. _weights.Select(own => own.Weight.Value)];
        using var gradients = no_grad();
        try
        {
            for (int i = 0; i < now.Length; i++) _weights[i].Weight.Substitute(_copies[i]);
            return compute();
        }
        finally
        {
            // An adapter may have put a tensor of its own there before.
            for (int i = 0; i < now.Length; i++) _weights[i].Weight.Substitute(ReferenceEquals(now[i], _weights[i].Weight.Own) ? null : now[i]);
        }
    }

    public void Export(string path, StateWriter state)
    {
        for (int i = 0; i < _copies.Length; i++) state.Add(path + _weights[i].Name, _copies[i]);
    }

    public void Import(string path, StateReader state)
    {
        for (int i = 0; i < _copies.Length; i++) state.CopyTo(path + _weights[i].Name, _copies[i]);
    }

    public void Dispose()
    {
        foreach (Tensor copy in _copies) copy.Dispose();
        _copies = [];
        _weights.Clear();
    }
}
