using FineTuning.Models;
using FineTuning.Tasks;
using FineTuning.Training;
using static FineTuning.Tensors.Scalars;
using static TorchSharp.torch;

namespace FineTuning.Strategies;

/// <summary>Tells the model which tasks a step has: all that fixed and learned weights need.</summary>
internal class WeighedTasks : LoopFeature
{
    public override void BeginWindow(RunParts run, IReadOnlyList<IReadOnlyList<EncodedRow>> batches) => ((MultiTaskModel)run.Model).BeginStep(batches);
}

/// <summary>Keeps the gradients of some shared weights by task until the step is whole.</summary>
internal abstract class GradientsByTask : WeighedTasks
{
    private readonly Dictionary<int, Tensor?[]> _gradients = [];

    /// <summary>The weights whose gradients are told apart.</summary>
    protected abstract IReadOnlyList<Weight> Chosen(RunParts run);

    /// <summary>What the step's gradient is.</summary>
    /// <param name="run">The run.</param>
    /// <param name="gradients">By task; zeros where a task has none.</param>
    /// <returns>One tensor for each chosen weight, of the current scope.</returns>
    protected abstract Tensor[] Join(RunParts run, IReadOnlyDictionary<int, Tensor[]> gradients);

    public override void AfterBackward(RunParts run, Batch batch, ForwardContext context)
    {
        IReadOnlyList<Weight> chosen = Chosen(run);
        int task = ((TaskBatch)batch).Parts[0].Task;
        if (!_gradients.TryGetValue(task, out Tensor?[]? kept)) _gradients[task] = kept = new Tensor?[chosen.Count];
        using var none = no_grad();
        for (int i = 0; i < chosen.Count; i++)
        {
            if (chosen[i].Value.grad is not { } gradient) continue;
            if (kept[i] is { } sum) sum.PlusInPlace(gradient);
            else kept[i] = gradient.clone().DetachFromDisposeScope();
            chosen[i].Value.grad = null;
        }
    }

    public override StepTally Reduce(StepTally tally) => _gradients.Count > 0 ? tally + StepTally.Gradient : tally;

    public override void AfterGradients(RunParts run, double targetCount)
    {
        using var scope = NewDisposeScope();
        using var none = no_grad();
        IReadOnlyList<Weight> chosen = Chosen(run);
        var all = _gradients.ToDictionary(pair => pair.Key, pair => pair.Value.Select((kept, i) => kept ?? zeros_like(chosen[i].Value)).ToArray());
        Tensor[] joined = Join(run, all);
        for (int i = 0; i < joined.Length; i++) chosen[i].Value.grad = joined[i].clone().DetachFromDisposeScope();
        Forget();
    }

    public override void Dispose()
    {
        Forget();
        base.Dispose();
    }

    private void Forget()
    {
        foreach (Tensor? kept in _gradients.Values.SelectMany(gradients => gradients)) kept?.Dispose();
        _gradients.Clear();
    }
}
