using FineTuning.Batching;
using FineTuning.Models;
using FineTuning.Training;
using static FineTuning.Tensors.Scalars;
using static TorchSharp.torch;

namespace FineTuning.Strategies;

/// <summary>See <see cref="TaskBalancing.ProjectedGradients"/>.</summary>
internal sealed class ProjectedTasks : GradientsByTask
{
    protected override IReadOnlyList<Weight> Chosen(RunParts run) => [.. ((MultiTaskModel)run.Model).Shared.Where(weight => weight.IsTrainable)];

    protected override Tensor[] Join(RunParts run, IReadOnlyDictionary<int, Tensor[]> gradients)
    {
        int[] tasks = [.. gradients.Keys.Order()];
        int[][] orders = [.. tasks.Select((_, own) =>
            Permutation.Of(tasks.Length, run.Options.Seed + own, run.Record.Steps, 3).Where(other => other != own).ToArray())];
        return GradientProjection.Sum([.. tasks.Select(task => gradients[task])], orders);
    }
}

/// <summary>See <see cref="TaskBalancing.GradientNorms"/>.</summary>
internal sealed class NormedTasks(GradientNormBalancing settings) : GradientsByTask
{
    private const string Path = "tasks/";
    private GradientNormWeights? _weights;
    private string[] _names = [];

    public override string? StatePath => Path;

    public override void Begin(RunParts run)
    {
        base.Begin(run);
        _names = [.. ((MultiTaskModel)run.Model).Tasks.Select(task => task.Name)];
        _weights ??= new(_names.Length, settings.Alpha, settings.LearningRate);
        Use((MultiTaskModel)run.Model);
    }

    // The last shared layer that trains, whole.
    protected override IReadOnlyList<Weight> Chosen(RunParts run)
    {
        Weight[] shared = [.. ((MultiTaskModel)run.Model).Shared.Where(weight => weight.IsTrainable && weight.Depth < run.Model.Weights.HeadDepth)];
        return [.. shared.Where(weight => weight.Depth == shared.Max(other => other.Depth))];
    }

    protected override Tensor[] Join(RunParts run, IReadOnlyDictionary<int, Tensor[]> gradients)
    {
        var model = (MultiTaskModel)run.Model;
        Tensor[] sum = [.. gradients.Values.First().Select(gradient => zeros_like(gradient))];
        double[] norms = new double[model.Tasks.Count];
        foreach ((int task, Tensor[] own) in gradients)
        {
            double squares = 0;
            for (int i = 0; i < own.Length; i++)
            {
                sum[i] = sum[i].Plus(own[i]);
                squares += own[i].Squared().sum(ScalarType.Float64).Number();
            }
            double factor = model.Factors[task] * model.ShareOf(task);
            norms[task] = factor > 0 ? Math.Sqrt(squares) / factor : 0;
        }
        // The step's own gradient has the weights it was computed with.
        _weights!.Step(model.Losses, norms);
        Use(model);
        return sum;
    }

    public override void Export(StateWriter state)
    {
        for (int task = 0; task < _names.Length; task++)
        {
            state.Add($"{Path}{_names[task]}/weight", _weights!.Weights[task]);
            state.Add($"{Path}{_names[task]}/initial", _weights.Initial[task]);
        }
    }

    public override void Import(RunParts run, StateReader state)
    {
        Begin(run);
        for (int task = 0; task < _names.Length; task++)
        {
            if (state.Number($"{Path}{_names[task]}/weight") is { } weight) _weights!.Weights[task] = weight;
            if (state.Number($"{Path}{_names[task]}/initial") is { } initial) _weights!.Initial[task] = initial;
        }
        Use((MultiTaskModel)run.Model);
    }

    private void Use(MultiTaskModel model)
    {
        for (int task = 0; task < model.Factors.Length; task++) model.Factors[task] = model.Tasks[task].Weight * _weights!.Weights[task];
    }
}
