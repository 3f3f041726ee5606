using FineTuning.Errors;
using FineTuning.Models;
using FineTuning.Tasks;
using FineTuning.Training;
using static TorchSharp.torch;

namespace FineTuning.Strategies;

/// <summary>The steps of a run that protects: tells the model which tasks a step has, and holds weights back by what the old tasks need of them.</summary>
internal sealed class ProtectedSteps(ContinuedTraining settings) : LoopFeature
{
    private const string Path = "kept/", StartPath = "kept/start/", FisherPath = "kept/fisher/", OldPath = "kept/old/";

    private readonly WeightCopies _start = new(StartPath);
    private Tensor[] _fisher = [];
    private IReadOnlyList<Weight> _weights = [];
    private OldWeights? _old;

    public override string? StatePath => settings.Strength > 0 || settings.Distilled > 0 ? Path : null;

    public override void Begin(RunParts run)
    {
        ContinuedModel model = ModelOf(run);
        _old = model.Old;
        if (settings.Strength <= 0 || _fisher.Length > 0) return;
        _weights = run.Trained;
        _start.Keep(_weights);
        _fisher = ElasticPenalty.Fisher(_weights, model.LearnedRows, settings.FisherExamples, run.Options.Seed, model.Cancellation);
    }

    public override void BeginWindow(RunParts run, IReadOnlyList<IReadOnlyList<EncodedRow>> batches) => ModelOf(run).BeginStep(batches);

    public override void AfterGradients(RunParts run, double targetCount)
    {
        if (settings.Strength <= 0) return;
        using var scope = NewDisposeScope();
        using var none = no_grad();
        for (int i = 0; i < _weights.Count; i++)
        {
            if (_weights[i].Value.grad is { } gradient)
                ElasticPenalty.AddGradient(gradient, _weights[i].Value, _start[i], _fisher[i], settings.Strength * targetCount);
        }
    }

    public override void Export(StateWriter state)
    {
        _old?.Export(OldPath, state);
        if (settings.Strength <= 0) return;
        _start.Export(state);
        for (int i = 0; i < _fisher.Length; i++) state.Add(FisherPath + _weights[i].Name, _fisher[i]);
    }

    public override void Import(RunParts run, StateReader state)
    {
        _old = ModelOf(run).Old;
        _old?.Import(OldPath, state);
        if (settings.Strength <= 0) return;
        _weights = run.Trained;
        _start.Import(_weights, state);
        Free();
        _fisher = state.Copies(FisherPath, _weights);
    }

    public override void Dispose()
    {
        _start.Dispose();
        Free();
        base.Dispose();
    }

    private void Free()
    {
        foreach (Tensor fisher in _fisher) fisher.Dispose();
        _fisher = [];
    }

    private static ContinuedModel ModelOf(RunParts run) => run.Model as ContinuedModel ?? throw new InvalidOptionsException(
        ["the recipe protects what was learned before, but the run is told of no such task: name it with Keeping(...)"]);
}
