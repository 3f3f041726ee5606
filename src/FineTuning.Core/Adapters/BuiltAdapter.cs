using FineTuning.Models;
using TorchSharp;
using static TorchSharp.torch;

namespace FineTuning.Adapters;

/// <summary>An adapter on one model: its tensors, the methods on modules, and what stands in the place of whole weights.</summary>
/// <remarks>It changes the model only while it is attached; then the model's own weights do not train.</remarks>
internal sealed class BuiltAdapter(OutputHead head, Adapter options, WeightSet weights) : IDisposable
{
    private readonly List<(Weight Weight, Tensor Value)> _kept = [];

    public Adapter Options { get; } = options;

    public WeightSet Weights { get; } = weights;

    /// <summary>The recipe's text of the run that made it; null: none did.</summary>
    public string? TunedBy { get; set; }

    public List<LinearMethod> Linears { get; } = [];

    public List<TableMethod> Tables { get; } = [];

    /// <summary>What stands before every text; null: nothing.</summary>
    public LearnedPrompt? Prompt { get; set; }

    /// <summary>Tensors that stand in the place of whole weights.</summary>
    public List<(Weight Weight, Tensor Value)> Wholes { get; } = [];

    /// <summary>What is saved.</summary>
    public IReadOnlyList<(string Key, Func<Tensor> Value)> Entries { get; set; } = [];

    /// <summary>The paths of the adapted modules, in the model's order.</summary>
    public List<string> Paths { get; } = [];

    /// <summary>What is added to the loss, the mean over modules; null: nothing.</summary>
    public Tensor? Penalty()
    {
        Tensor[] own = [.. Linears.Select(method => method.Penalty()).OfType<Tensor>()];
        return own.Length == 0 ? null : stack(own).mean();
    }

    /// <summary>The modules on which nothing was learned.</summary>
    public IEnumerable<string> Still() => Linears.Where(method => method.IsStill).Select(method => method.Module.Path)
        .Concat(Tables.Where(method => method.IsStill).Select(method => method.Table.Path));

    /// <summary>Whether it is on one side of a matrix that embeddings and output layer share.</summary>
    public bool IsOneSided
    {
        get
        {
            if (!head.IsTied || Linears.Exists(method => method is LoraTiedOutput)) return false;
            return Tables.Exists(method => method is not TokenRows { IsAlone: true } && ReferenceEquals(method.Table, head.Trunk.TokenTable))
                || Linears.Exists(method => method is not TokenOutputs && method.Module.Linear.Name == "head.output");
        }
    }

    public void Attach()
    {
        foreach (Weight weight in head.Weights) weight.Hold();
        foreach (LinearMethod method in Linears) method.Module.Linear.Attach(method.Module, method);
        foreach (TableMethod method in Tables) method.Table.Adapter = method;
        foreach ((Weight weight, Tensor value) in Wholes) weight.Substitute(value);
        if (Prompt is not null) head.Trunk.Prompt = Prompt;
        head.Trunk.Weights.Show(Weights);
    }

    public void Detach()
    {
        head.Trunk.Weights.Hide(Weights);
        if (Prompt is not null) head.Trunk.Prompt = null;
        foreach (LinearMethod method in Linears) method.Module.Linear.Detach(method.Module);
        foreach (TableMethod method in Tables) method.Table.Adapter = null;
        foreach ((Weight weight, Tensor _) in Wholes) weight.Substitute(null);
        foreach (Weight weight in head.Weights) weight.LetGo();
    }

    /// <summary>Writes the adapter into the model's weights, copies of which are kept; it is detached before.</summary>
    public void Merge(bool safe)
    {
        var changed = new HashSet<Weight>();
        foreach (LinearMethod method in Linears)
        {
            changed.Add(LinearMethod.Dense(method.Module).Weight);
            if (method.Module.Linear.Bias is { } bias) changed.Add(bias);
        }
        changed.UnionWith(Tables.Select(method => method.Table.Weight));
        changed.UnionWith(Wholes.Select(whole => whole.Weight));
        foreach (Weight weight in changed)
        {
            Tensor kept = weight.Own.detach().clone().DetachFromDisposeScope();
            TunedTensors.Set(kept, weight.IsTuned);
            _kept.Add((weight, kept));
        }
        bool isTuned = Weights.Any(weight => weight.IsTuned) || Wholes.Any(whole => TunedTensors.Contains(whole.Value));
        try
        {
            foreach (Weight weight in changed) weight.IsTuned |= isTuned;
            foreach ((Weight weight, Tensor value) in Wholes) weight.Own.copy_(value);
            // The other side of a tied matrix is the table's.
            foreach (LinearMethod method in Linears.Where(method => !head.IsTied || method is not (LoraTiedOutput or TokenOutputs))) method.Merge(safe);
            foreach (TableMethod method in Tables) method.Table.Weight.Own.copy_(method.Matrix(method.Table.Weight.Own.to(ScalarType.Float32)));
        }
        catch
        {
            Unmerge();
            throw;
        }
    }

    /// <summary>Puts the kept copies back: the model is what it was, to the bit.</summary>
    public void Unmerge()
    {
        foreach ((Weight weight, Tensor value) in _kept)
        {
            weight.Own.copy_(value);
            weight.IsTuned = TunedTensors.Contains(value);
            value.Dispose();
        }
        _kept.Clear();
    }

    public void Dispose()
    {
        Weights.Free();
        foreach ((Weight _, Tensor value) in Wholes) value.Dispose();
        foreach ((Weight _, Tensor value) in _kept) value.Dispose();
        foreach (IDisposable method in Tables.OfType<IDisposable>().Concat(Linears.OfType<IDisposable>())) method.Dispose();
    }
}
