using FineTuning.Models;
using static FineTuning.Tensors.Scalars;
using static TorchSharp.torch;

namespace FineTuning.Training;

/// <summary>The average of one run.</summary>
internal sealed class WeightAveraging(double decay) : LoopFeature
{
    private const string Path = "average/";
    private IReadOnlyList<Weight> _weights = [];
    private Tensor[]? _average;

    public override string StatePath => Path;

    public override void Begin(RunParts run)
    {
        if (_average is not null) return;
        _weights = run.Trained;
        _average = WeightCopies.Of(_weights);
    }

    public override void AfterStep(RunParts run)
    {
        using var scope = NewDisposeScope();
        using var gradients = no_grad();
        double steps = run.Record.Steps, kept = Math.Min(decay, (1 + steps) / (10 + steps));
        for (int i = 0; i < _average!.Length; i++) _average[i].mul_(Held(kept)).add_(_weights[i].Value, Held(1 - kept));
    }

    public override void BeforeEvaluation(RunParts run) => Exchange();

    public override void AfterEvaluation(RunParts run) => Exchange();

    public override void End(RunParts run) => Exchange();

    public override void Export(StateWriter state)
    {
        for (int i = 0; i < _average!.Length; i++) state.Add(Path + _weights[i].Name, _average[i]);
    }

    public override void Import(RunParts run, StateReader state)
    {
        Free();
        _weights = run.Trained;
        // A run whose recipe was changed may have had none.
        _average = state.Below(Path).Count > 0 ? state.Copies(Path, _weights) : null;
    }

    public override void Dispose()
    {
        Free();
        base.Dispose();
    }

    private void Free()
    {
        foreach (Tensor copy in _average ?? []) copy.Dispose();
    }

    // To the bit, there and back, with the memory of one weight.
    private void Exchange()
    {
        using var gradients = no_grad();
        for (int i = 0; i < (_average?.Length ?? 0); i++)
        {
            using var scope = NewDisposeScope();
            Tensor kept = _weights[i].Value.detach().clone();
            _weights[i].Value.copy_(_average![i]);
            _average[i].copy_(kept);
        }
    }
}
